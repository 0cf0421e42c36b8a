"""Receipts of topics: followed by their offsets, and audited."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from assay.gateway.receipts_route import describe
from assay.ledger.receipts import Receipt
from assay.ledger.streams import RecordedSlice, hold, record
from assay.ledger.whereabouts import follow_receipt
from assay.settings import Settings
from builders.audited import Site
from builders.gateway import answered
from builders.stream_slices import (
    DATASET,
    SILVER,
    STREAM,
    TOPIC,
    Kafka,
    event,
    release_slices,
)

if TYPE_CHECKING:
    from conftest import Database

GATEWAY = psycopg.Connection[Any]


@pytest.fixture
def gateway(database: Database) -> Any:
    with database.connect("assay_gateway", autocommit=True) as connection:
        yield connection


@pytest.fixture
def kafka(settings: Settings, database: Database) -> Kafka:
    kafka = Kafka(settings, database)
    kafka.take()
    return kafka


def told(gateway: GATEWAY, receipt: Receipt) -> dict[str, Any]:
    return describe(receipt, follow_receipt(gateway, receipt))


def quarantine(loader: psycopg.Connection[Any], slice_id: str, number: int) -> None:
    loader.execute(
        "INSERT INTO ops.quarantine_row (row_id, dataset, batch_id, generation, slice_id,"
        " source_file, record_number, reasons, raw)"
        " VALUES (%s || ':' || %s, %s, 'b', 1, %s, '', %s, '{a.b}', '')",
        [slice_id, str(number), DATASET, slice_id, number],
    )


def test_a_receipt_is_followed_from_the_topic_over_live_to_the_release(
    gateway: GATEWAY, loader: psycopg.Connection[Any], kafka: Kafka
) -> None:
    kafka.record([event("of others")])
    receipt = answered(gateway, {"0": [[1, 3], [4, 6]]}, "a", "b", "c", "d")
    assert told(gateway, receipt)["state"] == "accepted"
    first = kafka.record([event("a"), event("b"), event("of others")])
    facts = told(gateway, receipt)
    assert facts["state"] == "accepted"
    assert [(s["slice"], s["state"], s["records"]) for s in facts["slices"]] == [
        (first.slice_id, "live", 2),
        (None, "accepted", 2),
    ]
    second = kafka.record([event("c"), event("d"), event("of others")])
    assert told(gateway, receipt)["state"] == "live"
    number = release_slices(loader, first, second)
    for slice_id, record_number in ((first.slice_id, 3), (second.slice_id, 2)):
        quarantine(loader, slice_id, record_number)
    facts = told(gateway, receipt)
    assert (facts["state"], facts["release"], facts["quarantined"]) == ("released", number, 1)
    assert (facts["topic"], facts["offsets"]) == (TOPIC, {"0": [[1, 3], [4, 6]]})


def test_what_is_parked_rejected_or_lost_is_told(
    gateway: GATEWAY, database: Database, kafka: Kafka
) -> None:
    parked = answered(gateway, {"0": [[0, 1]]}, "a")
    lost = answered(gateway, {"0": [[1, 2]]}, "b")
    kafka.record([event("a")], parked="poison")
    skip(database, kafka, until=2)
    assert (told(gateway, parked)["state"], told(gateway, lost)["state"]) == ("parked", "lost")
    assert "send them again" in told(gateway, lost)["where"]
    with database.connect("assay_owner", autocommit=True) as owner:
        owner.execute("UPDATE ops.stream_slice SET rejected = 'odd' WHERE records > 0")
    assert told(gateway, parked)["state"] == "rejected"


def skip(database: Database, kafka: Kafka, until: int) -> None:
    """Record lost offsets as `assay stream skip` does."""
    empty = kafka._write([])
    lost = {TOPIC: {"0": [kafka.offset, until]}}
    with database.connect("assay_streamer") as connection:
        assert hold(connection, STREAM, kafka.epoch, kafka.micro_batch)
        skipped = RecordedSlice(empty, SILVER.version, offsets=lost, parked="skipped by ann")
        going_on = {TOPIC: {"0": until}}
        record(connection, STREAM, kafka.epoch, kafka.micro_batch, [skipped], going_on)
    kafka.offset, kafka.micro_batch = until, kafka.micro_batch + 1


@pytest.fixture
def site(gateway: GATEWAY, kafka: Kafka, settings: Settings, database: Database) -> Site:
    Path(str(settings.landing)).mkdir(exist_ok=True)
    answered(gateway, {"0": [[0, 2]]}, "a", "b")
    answered(gateway, {"0": [[2, 3]], "1": [[7, 8]]}, "c", "d")
    kafka.record([event("a"), event("b"), event("c")])
    return Site(settings, database)


def test_offsets_with_a_receipt_are_in_slices_or_wait(site: Site) -> None:
    check = next(each for each in site.audit() if each.invariant == "I16")
    assert [str(each) for each in check.violations] == []
    assert check.compared == {"stretches of offsets with receipts": 2, "records of topics": 4}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("""UPDATE ops.receipt SET offsets = '{"0": [[1, 3]]}' WHERE records = 2 AND offsets ? '1'
         """, "at ecommerce_events, partition 0, from 0: expected 3, found 4"),
        ("""UPDATE ops.receipt SET offsets = '{"0": [[0, 1]]}' WHERE NOT offsets ? '1'""",
         "expected 2, found 1"),
        ("UPDATE ops.stream_slice SET records = 0, live_records = 0",
         "expected in slices of the stream, found offset 0 is in none"),
    ],
)  # fmt: skip
def test_what_is_counted_twice_or_in_no_slice_is_found(
    site: Site, statement: str, expected: str
) -> None:
    site.execute(statement)
    check = next(each for each in site.audit() if each.invariant == "I16")
    assert any(expected in str(each) for each in check.violations), check.violations
