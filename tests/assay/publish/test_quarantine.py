"""The books of quarantine: what a batch put there is open or has been moved, or nothing goes on."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from assay.errors import ReconciliationError
from assay.publish.quarantine import check_conservation


@pytest.fixture
def released(loader: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """Two rows of one batch in quarantine, one of them waived; its ledger has three."""
    loader.execute(
        "INSERT INTO ops.batch (batch_id, pipeline, run_id, run_type, batch_date, state, source,"
        " generation) VALUES ('b1', 'trades', 'r', 'manual', '2026-01-01', 'PUBLISHED', 'files', 1)"
    )
    loader.execute("INSERT INTO ops.row_ledger VALUES ('b1', 'trades', 1, 'f', 5, 2, 0, 0, 0, 3)")
    for number in (1, 2):
        loader.execute(
            "INSERT INTO ops.quarantine_row VALUES"
            " ('f:' || %(n)s, 'trades', 'b1', 1, 'f', 'x.csv', %(n)s, '{from_cost.missing}', '{}')",
            {"n": number},
        )
    loader.execute(
        "INSERT INTO ops.quarantine_movement"
        " VALUES ('f:1', 'b1', NULL, 'waived', 'a', now(), 'w', 'trades')"
    )
    loader.execute(
        "INSERT INTO ops.release (pipeline, batch_id, epoch, generation, versions, counts, sums,"
        " content) VALUES ('trades', 'b1', 1, 1, '{}', '{}', '{}', '{}')"
    )
    return loader


def test_row_that_is_nowhere_stops_the_release(released: psycopg.Connection[Any]) -> None:
    with pytest.raises(ReconciliationError, match=r"open \+ replayed \+ patched \+ waived: 3 is"):
        check_conservation(released, ["b1"])
    released.execute("UPDATE ops.row_ledger SET new = 3, quarantined = 2")
    check_conservation(released, ["b1"])


def test_batch_of_an_older_generation_is_not_asked(released: psycopg.Connection[Any]) -> None:
    released.execute(
        "INSERT INTO ops.release (pipeline, batch_id, epoch, generation, versions, counts, sums,"
        """ content) VALUES ('trades', 'b1', 2, 2, '{"a": 1}', '{}', '{}', '{}')"""
    )
    check_conservation(released, ["b1"])
