"""`assay gateway key`: what a producer gets can be used, and what is listed cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from assay.cli import gateway
from assay.cli.main import app
from assay.errors import RequestRefusedError, SettingsError
from assay.gateway.keys import Keys
from assay.ledger.gateway_keys import GatewayKey, find_key

if TYPE_CHECKING:
    from conftest import Database

USUAL = ("--producer", "exchange", "--dataset", "stocks")
LookUp = Callable[[str], GatewayKey]


@pytest.fixture(autouse=True)
def look_up(database: Database, monkeypatch: pytest.MonkeyPatch) -> LookUp:
    """How a gateway that was just started finds a key of these books."""
    monkeypatch.setattr(gateway, "dsn", lambda settings, role: database.uri(role))

    def find(key_id: str) -> GatewayKey | None:
        with database.connect("assay_gateway", autocommit=True) as connection:
            return find_key(connection, key_id)

    return lambda text: Keys(find).look_up(f"Bearer {text}")


def run(*arguments: str) -> Result:
    done = CliRunner().invoke(app, ["gateway", "key", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def listed() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("list", "--json").stdout)
    return found


def test_a_key_is_printed_once_and_the_gateway_takes_it(look_up: LookUp) -> None:
    text = run("add", *USUAL, "--dataset", "trades", "--dataset", "stocks").stdout.strip()
    found = look_up(text)
    assert (found.producer, [*found.datasets]) == ("exchange", ["stocks", "trades"])
    assert (found.requests_per_second, found.expires_at) == (10_000, None)
    secret = text.rpartition("_")[2]
    for shown in (run("list").stdout, run("list", "--json").stdout):
        assert found.key_id in shown
        assert secret not in shown
        assert found.secret_sha256 not in shown
    assert run("list").stdout.splitlines()[-1].endswith("good")


def test_a_key_has_the_rate_and_the_end_that_were_asked_for(look_up: LookUp) -> None:
    made = json.loads(run("add", *USUAL, "--rate", "5", "--expires-in-days", "90", "--json").stdout)
    found = look_up(made["key"])
    assert (found.key_id, found.requests_per_second) == (made["key_id"], 5)
    assert found.expires_at is not None
    assert (found.expires_at - found.made_at).days in (89, 90)
    (told,) = listed()
    assert told["state"] == f"good until {found.expires_at:%Y-%m-%d}"


def test_a_revoked_key_is_refused_and_the_other_of_its_producer_is_not(look_up: LookUp) -> None:
    old, new = (json.loads(run("add", *USUAL, "--json").stdout) for _ in range(2))
    assert run("revoke", old["key_id"]).stdout.strip() == f"{old['key_id']} is revoked"
    with pytest.raises(RequestRefusedError, match="revoked"):
        look_up(old["key"])
    assert look_up(new["key"]).producer == "exchange"
    states = {told["key_id"]: told["state"].split()[0] for told in listed()}
    assert states == {old["key_id"]: "revoked", new["key_id"]: "good"}
    with pytest.raises(SettingsError, match="no good key has this id"):
        run("revoke", old["key_id"])


def test_what_no_key_can_be_made_for_is_said_and_none_is_made() -> None:
    name = "--producer is a name of 1 to 100"
    for producer, dataset, why in (
        ("exchange", "nope", "--dataset nope: there is no such"),
        (" ", "stocks", name),
        ("a\nb", "stocks", name),
        ("x" * 101, "stocks", name),
    ):
        with pytest.raises(SettingsError, match=why):
            run("add", "--producer", producer, "--dataset", dataset)
    for wrong in (["add", *USUAL, "--rate", "0"], ["add", "--producer", "a"], ["revoke", "nope"]):
        assert CliRunner().invoke(app, ["gateway", "key", *wrong]).exit_code != 0
    assert listed() == []
