"""Feeds that have stopped: one empty day is a success, many of them in a row must say so."""

from __future__ import annotations

from collections.abc import Sequence

from assay.contracts.load import load_contract
from assay.ledger.query import Connection, fetch_all
from assay.words import count

NEWEST = """
    SELECT dataset, max(seen_at)::date::text,
           extract(day FROM clock_timestamp() - max(seen_at))::int
    FROM ops.batch_slice WHERE dataset = ANY(%s) AND verdict = 'accepted'
    GROUP BY dataset ORDER BY dataset
"""


def describe_overdue(connection: Connection, datasets: Sequence[str]) -> str:
    """One sentence about the datasets whose newest file is older than agreed; else empty.

    `expect_every_days` of the bronze contract says how old it may be. A dataset that never had a
    file has no feed yet.
    """
    told = []
    for dataset, day, age in fetch_all(connection, NEWEST, [[*datasets]]):
        expected = load_contract("bronze", dataset).expect_every_days
        if expected is not None and age > expected:
            told.append(
                f"{dataset} has brought no new file for {count(age, 'day')} (the newest came on"
                f" {day}), and its contract expects one every {count(expected, 'day')}"
            )
    if not told:
        return ""
    return (
        f"{'; '.join(told)}. All that has landed is released. Next: ask the sender, or correct"
        " expect_every_days in include/datasets"
    )
