"""Keys: nobody gets in without a good one, and none can be read from the books."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from assay.errors import RequestRefusedError
from assay.gateway import keys
from assay.gateway.keys import Keys, make_key, require_scope
from assay.gateway.limits import Held, Rates
from assay.ledger.gateway_keys import find_key, list_keys, revoke_key
from builders.gateway import make_good_key

if TYPE_CHECKING:
    from conftest import Database


@pytest.fixture
def known(database: Database) -> Keys:
    def find(key_id: str) -> keys.GatewayKey | None:
        with database.connect("assay_gateway", autocommit=True) as connection:
            return find_key(connection, key_id)

    return Keys(find)


def refusal(known: Keys, authorization: str) -> str:
    with pytest.raises(RequestRefusedError) as refused:
        known.look_up(authorization)
    assert refused.value.status == 401
    return str(refused.value)


def test_a_good_key_is_found_and_remembered(database: Database, known: Keys) -> None:
    key = make_good_key(database, "stocks", "trades", producer="shop")
    assert known.remembered(key) is None
    assert known.look_up(key).producer == "shop"
    found = known.remembered(key.replace("Bearer", "bearer"))
    assert found is not None
    require_scope(found, "trades", ["trades", "stocks"])
    for dataset, datasets, status in (("finance", [], 403), ("trades", [], 404)):
        with pytest.raises(RequestRefusedError) as refused:
            require_scope(found, dataset, datasets)
        assert refused.value.status == status


def test_what_is_no_good_key_is_refused(database: Database, known: Keys) -> None:
    good = make_good_key(database)
    assert "no API key" in refusal(known, "")
    assert "no API key" in refusal(known, good.removeprefix("Bearer "))
    assert "no such API key" in refusal(known, f"Bearer {make_key().text}")
    stolen = good[:-1] + ("a" if good[-1] != "a" else "b")
    assert "no such API key" in refusal(known, stolen)
    old = make_good_key(database, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert "has expired" in refusal(known, old)
    key_id = good.split("_")[1]
    with database.connect(autocommit=True) as connection:
        assert revoke_key(connection, key_id, "ann")
        assert not revoke_key(connection, key_id, "bob")
        assert [key.revoked_at is None for key in list_keys(connection)] == [False, True]
    assert "was revoked" in refusal(known, good)


def test_a_revoked_key_is_refused_after_some_seconds(
    database: Database, known: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_good_key(database)
    known.look_up(key)
    monkeypatch.setattr(keys, "REMEMBERED_SECONDS", -1.0)
    known.look_up(key)
    assert known.remembered(key) is None


def test_two_keys_of_a_producer_are_good_at_once(database: Database, known: Keys) -> None:
    """So is a key rotated: the producer takes the new one, and then the old one is revoked."""
    old, new = make_good_key(database), make_good_key(database)
    assert known.look_up(old).producer == known.look_up(new).producer
    with database.connect(autocommit=True) as connection:
        revoke_key(connection, old.split("_")[1], "ann")
    assert "was revoked" in refusal(known, old)
    assert known.look_up(new)


def test_the_books_hold_no_key_and_readers_no_hash(database: Database) -> None:
    key = make_good_key(database)
    secret = key.rpartition("_")[2] if "_" in key else key
    with database.connect(autocommit=True) as connection:
        told = connection.execute("SELECT key::text FROM ops.gateway_key AS key").fetchall()
    assert secret not in str(told)
    with database.connect("assay_reader") as reader, pytest.raises(psycopg.Error, match="denied"):
        reader.execute("SELECT FROM ops.gateway_key")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ops.receipt SET records = 1",
        "DELETE FROM ops.receipt",
        "UPDATE ops.gateway_key SET datasets = '{trades}'",
        "INSERT INTO ops.gateway_key (key_id) VALUES ('a')",
        "SELECT raw FROM ops.quarantine_row",
        "SELECT header FROM ops.batch_slice",
        "SELECT FROM ops.row_ledger",
        "SELECT FROM serving.stock_prices",
        "CREATE TABLE staging.a (b int)",
    ],
)
def test_the_gateway_may_do_no_more_than_it_has_to(database: Database, statement: str) -> None:
    with database.connect("assay_gateway") as ours, pytest.raises(psycopg.Error, match="denied"):
        ours.execute(statement)


def test_a_key_makes_so_many_requests_a_second() -> None:
    rates = Rates()
    for _ in range(20):
        rates.take("a", 20)
    with pytest.raises(RequestRefusedError) as refused:
        rates.take("a", 20)
    assert (refused.value.status, refused.value.retry_after) == (429, 1)
    rates.take("b", 20)


def test_so_many_bytes_are_held_at_once() -> None:
    held = Held(100)
    with held.request("a") as first, held.request("b") as second:
        first.have(60)
        second.have(40)
        with pytest.raises(RequestRefusedError) as refused:
            second.have(41)
        assert (refused.value.status, refused.value.retry_after) == (503, 1)
        second.have(1)
        second.have(40)
    assert (held.now, held.by_key) == (0, {})
    with held.request("a") as whole:
        whole.have(100)


def test_requests_of_one_key_have_a_part_of_the_room_or_are_one() -> None:
    held = Held(100)
    with held.request("a") as first, held.request("a") as second, held.request("b") as other:
        first.have(20)
        second.have(5)
        with pytest.raises(RequestRefusedError, match="of this key") as refused:
            second.have(6)
        assert (refused.value.status, refused.value.retry_after) == (429, 1)
        other.have(75)
    assert (held.now, held.by_key) == (0, {})
