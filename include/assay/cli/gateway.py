"""`assay gateway`: the HTTP gateway, and the keys of those who may post to it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated

import psycopg
import typer

from assay.cli.lists import Column, number, print_list, whole
from assay.contracts.folders import dataset_names
from assay.errors import SettingsError
from assay.home.dsn import dsn
from assay.ledger.gateway_keys import GatewayKey, add_key, list_keys, revoke_key
from assay.operations.asked_by import person_at_terminal
from assay.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Take records by HTTP.")
keys = typer.Typer(no_args_is_help=True, help="API keys of producers.")
app.add_typer(keys, name="key")
Producer = Annotated[str, typer.Option(help="Who posts with it; two keys of one are for rotation.")]
Datasets = Annotated[
    list[str], typer.Option("--dataset", help="What it is for; give it once for each dataset.")
]
Rate = Annotated[int, typer.Option(min=1, help="How many requests a second it may make.")]
ExpiresInDays = Annotated[
    int | None, typer.Option(min=1, help="After how many days it is refused; never without it.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
USUAL_RATE = 10_000
LONGEST_PRODUCER = 100


@app.command("serve")
def serve_gateway() -> None:
    """Serve until it is stopped; `assay up --gateway` has the supervisor do so."""
    from assay.gateway.serve import serve

    serve(load_settings())


@keys.command("add")
def add(
    producer: Producer,
    dataset: Datasets,
    rate: Rate = USUAL_RATE,
    expires_in_days: ExpiresInDays = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it: nobody can see it again."""
    from assay.gateway.keys import make_key

    unknown = [name for name in dataset if name not in dataset_names()]
    if unknown:
        known = ", ".join(dataset_names())
        raise SettingsError(f"--dataset {unknown[0]}: there is no such dataset; known: {known}")
    if not (producer.isprintable() and 0 < len(producer.strip()) <= LONGEST_PRODUCER):
        raise SettingsError(f"--producer is a name of 1 to {LONGEST_PRODUCER} characters")
    expires_at = expires_in_days and datetime.now(UTC) + timedelta(days=expires_in_days)
    made = make_key()
    with _books() as connection:
        add_key(
            connection,
            key_id=made.key_id,
            producer=producer.strip(),
            secret_sha256=made.secret_sha256,
            datasets=sorted({*dataset}),
            requests_per_second=rate,
            expires_at=expires_at or None,
            who=person_at_terminal(),
        )
    print(json.dumps({"key_id": made.key_id, "key": made.text}) if as_json else made.text)


@keys.command("list")
def show(as_json: AsJson = False) -> None:
    """List the keys, good or not; none of them can be used from what it prints."""
    with _books() as connection:
        found = list_keys(connection)
    if as_json:
        print(json.dumps([_facts(key) for key in found], indent=1))
        return
    columns = [
        whole("key"),
        Column("producer"),
        Column("datasets"),
        number("a second"),
        whole("made"),
        whole("state"),
    ]
    print_list(columns, [_row(key) for key in found])


@keys.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The id of the key, which list prints.")],
) -> None:
    """Revoke a key: within some seconds the gateway refuses it, for good."""
    with _books() as connection:
        if not revoke_key(connection, key_id, person_at_terminal()):
            raise SettingsError(f"{key_id}: no good key has this id; assay gateway key list")
    print(f"{key_id} is revoked")


def _books() -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(dsn(load_settings(), "assay_loader"), autocommit=True)


def _row(key: GatewayKey) -> list[object]:
    return [
        key.key_id,
        key.producer,
        ", ".join(key.datasets),
        key.requests_per_second,
        f"{key.made_at:%Y-%m-%d}",
        _state(key),
    ]


def _facts(key: GatewayKey) -> dict[str, object]:
    return {
        "key_id": key.key_id,
        "producer": key.producer,
        "datasets": [*key.datasets],
        "requests_per_second": key.requests_per_second,
        "made_at": key.made_at.isoformat(),
        "expires_at": key.expires_at and key.expires_at.isoformat(),
        "revoked_at": key.revoked_at and key.revoked_at.isoformat(),
        "state": _state(key),
    }


def _state(key: GatewayKey) -> str:
    if key.revoked_at:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    if key.expires_at is None:
        return "good"
    has_expired = key.expires_at <= datetime.now(UTC)
    return f"{'expired' if has_expired else 'good until'} {key.expires_at:%Y-%m-%d}"
