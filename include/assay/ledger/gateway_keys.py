"""The API keys of producers: made, looked up, listed and revoked; their secrets are not kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from assay.ledger.query import Connection, fetch_all

COLUMNS = "key_id, producer, secret_sha256, datasets, requests_per_second, made_at, expires_at"


@dataclass(frozen=True)
class GatewayKey:
    """A key as the books have it; see ops.gateway_key. Times have an offset."""

    key_id: str
    producer: str
    secret_sha256: str
    datasets: Sequence[str]
    requests_per_second: int
    made_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


def find_key(connection: Connection, key_id: str) -> GatewayKey | None:
    """The key of this id, be it good or not; None when there is none."""
    rows = fetch_all(
        connection,
        f"SELECT {COLUMNS}, revoked_at FROM ops.gateway_key WHERE key_id = %s",  # noqa: S608
        [key_id],
    )
    return GatewayKey(*rows[0]) if rows else None


def list_keys(connection: Connection) -> list[GatewayKey]:
    """Every key, by producer and age."""
    rows = fetch_all(
        connection,
        f"SELECT {COLUMNS}, revoked_at FROM ops.gateway_key"  # noqa: S608
        " ORDER BY producer, made_at, key_id",
        [],
    )
    return [GatewayKey(*row) for row in rows]


def add_key(
    connection: Connection,
    *,
    key_id: str,
    producer: str,
    secret_sha256: str,
    datasets: Sequence[str],
    requests_per_second: int,
    expires_at: datetime | None,
    who: str,
) -> None:
    """Write a new key down."""
    with connection.transaction():
        connection.execute(
            "INSERT INTO ops.gateway_key (key_id, producer, secret_sha256, datasets,"
            " requests_per_second, expires_at, made_by) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [
                key_id,
                producer,
                secret_sha256,
                [*datasets],
                requests_per_second,
                expires_at,
                who,
            ],
        )


def revoke_key(connection: Connection, key_id: str, who: str) -> bool:
    """Revoke a good key; False when there is none of this id."""
    rows = fetch_all(
        connection,
        "UPDATE ops.gateway_key SET revoked_at = clock_timestamp(), revoked_by = %s"
        " WHERE key_id = %s AND revoked_at IS NULL RETURNING key_id",
        [who, key_id],
    )
    return bool(rows)
