"""Feeds that have stopped: one empty day is a success, many of them in a row must say so."""

from __future__ import annotations

from collections.abc import Sequence

from assay.contracts.load import load_contract
from assay.ledger.feeds import newest_files
from assay.ledger.query import Connection
from assay.words import count


def describe_overdue(connection: Connection, datasets: Sequence[str]) -> str:
    """One sentence about the datasets whose newest file is older than agreed; else empty.

    `expect_every_days` of the bronze contract says how old it may be. A dataset that never had a
    file has no feed yet.
    """
    told = []
    for newest in newest_files(connection, datasets):
        expected = load_contract("bronze", newest.dataset).expect_every_days
        if expected is not None and newest.age > expected:
            told.append(
                f"{newest.dataset} has brought no new file for {count(newest.age, 'day')} (the"
                f" newest came on {newest.day}), and its contract expects one every"
                f" {count(expected, 'day')}"
            )
    if not told:
        return ""
    return (
        f"{'; '.join(told)}. All that has landed is released. Next: ask the sender, or correct"
        " expect_every_days in include/datasets"
    )
