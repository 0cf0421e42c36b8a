"""A feed that has stopped says so, and one that never began does not."""

from __future__ import annotations

from typing import Any

import psycopg

from assay.contracts.load import load_contract
from assay.intake.overdue import describe_overdue
from assay.ledger import Delivery, record_deliveries
from builders.ledger_rows import start_batch

DATASETS = ["stocks", "mutual_funds"]


def test_feed_is_overdue_when_its_newest_file_is_older_than_agreed(
    loader: psycopg.Connection[Any],
) -> None:
    agreed = load_contract("bronze", "stocks").expect_every_days
    assert agreed == 7
    assert describe_overdue(loader, DATASETS) == ""
    start_batch(loader, "b1")
    taken = [Delivery("stocks", "a", "f1", "accepted"), Delivery("stocks", "b", "f2", "accepted")]
    record_deliveries(loader, "b1", [*taken, Delivery("stocks", "c", "f3", "rejected", "empty")])

    def age(days: int, which: str) -> None:
        loader.execute(
            "UPDATE ops.batch_slice SET seen_at = clock_timestamp() - make_interval(days => %s)"
            " WHERE slice_id = ANY(%s)",
            [days, which.split()],
        )

    age(30, "f1")
    age(7, "f2")
    assert describe_overdue(loader, DATASETS) == ""
    age(8, "f2")
    told = describe_overdue(loader, DATASETS)
    assert told.startswith("stocks has brought no new file for 8 days (the newest came on 20")
    assert "its contract expects one every 7 days" in told
    assert "mutual_funds" not in told
