"""Which receipts go: old ones, of which every record is released."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from assay.ledger.receipts import Receipt, find_receipts, write_receipts
from assay.maintenance.receipts import trim_receipts
from assay.settings import Settings
from builders.gateway import answered, posted_of_file
from builders.stream_slices import DATASET, Kafka, event, record_file, release_slices

if TYPE_CHECKING:
    from conftest import Database

Books = psycopg.Connection[Any]


@pytest.fixture
def receipts(settings: Settings, database: Database, loader: Books) -> dict[str, Receipt]:
    """By what became of their records; all of them are 91 days old but one of a file of two."""
    kafka = Kafka(settings, database)
    kafka.take()
    released = [kafka.record([event("a"), event("b")])]
    kafka.record([event("c")])
    taken = record_file(settings, database, ["f1", "f2"])
    with database.connect("assay_gateway", autocommit=True) as gateway:
        made = {
            "released": answered(gateway, {"0": [[0, 2]]}, "a", "b", key="1"),
            "pending": answered(gateway, {"0": [[2, 3]]}, "c"),
            "half": answered(gateway, {"0": [[1, 3]]}, "b", "c"),
            "unread": answered(gateway, {"0": [[3, 4]]}, "d"),
            "of a file": posted_of_file("f.csv.gz", taken.slice_id, 1, "f1"),
            "of it too": posted_of_file("f.csv.gz", taken.slice_id, 2, "f2"),
            "in landing": posted_of_file("g.csv.gz", "ab" * 32, 1, "g"),
        }
        write_receipts(gateway, [each for each in made.values() if each.topic is None])
    release_slices(loader, *released, taken)
    with database.connect("assay_owner", autocommit=True) as owner:
        owner.execute("UPDATE ops.receipt SET accepted_at = accepted_at - interval '91 days'")
    return made


def left(loader: Books, receipts: dict[str, Receipt]) -> set[str]:
    rows = loader.execute("SELECT receipt_id FROM ops.receipt").fetchall()
    return {name for name, each in receipts.items() if (each.receipt_id,) in rows}


def test_old_receipts_go_once_every_record_is_released(
    settings: Settings, loader: Books, receipts: dict[str, Receipt]
) -> None:
    assert trim_receipts(settings, loader, dry_run=True) == "receipts: 3 receipts to remove"
    assert left(loader, receipts) == {*receipts}
    key = [("shop", DATASET, "1")]
    assert [*find_receipts(loader, key).values()] == [receipts["released"]]
    assert trim_receipts(settings, loader, dry_run=False) == "receipts: 3 receipts removed"
    assert left(loader, receipts) == {"pending", "half", "unread", "in landing"}
    assert find_receipts(loader, key) == {}
    assert trim_receipts(settings, loader, dry_run=False) == "receipts: 0 receipts removed"


def test_those_of_a_file_go_together_and_those_of_a_rolled_back_release_stay(
    settings: Settings, database: Database, loader: Books, receipts: dict[str, Receipt]
) -> None:
    with database.connect("assay_owner", autocommit=True) as owner:
        owner.execute(
            "UPDATE ops.receipt SET accepted_at = clock_timestamp() WHERE receipt_id = %s",
            [receipts["of it too"].receipt_id],
        )
        owner.execute("UPDATE ops.batch SET state = 'ROLLED_BACK'")
    assert trim_receipts(settings, loader, dry_run=False) == "receipts: 0 receipts removed"
    with database.connect("assay_owner", autocommit=True) as owner:
        owner.execute("UPDATE ops.batch SET state = 'PUBLISHED'")
    assert trim_receipts(settings, loader, dry_run=False) == "receipts: 1 receipt removed"
    assert "of a file" in left(loader, receipts)
