"""What leaves live: the rows of slices that are released or rejected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from assay.contracts.load import load_contract
from assay.ledger.stream_slices import release_slices
from assay.serving.live import errors_table, live_table


def leave_live(connection: psycopg.Connection[Any], batch_id: str) -> None:
    """Have the slices of a batch be released by it, and no row of them be live any more.

    To be called in the transaction of the release.
    """
    for dataset, slice_ids in release_slices(connection, batch_id).items():
        take_out_of_live(connection, dataset, slice_ids)


def take_out_of_live(
    connection: psycopg.Connection[Any], dataset: str, slice_ids: Sequence[str]
) -> None:
    """Delete the rows of these slices, good and bad, in the transaction that says why."""
    contract = load_contract("silver", dataset)
    for table in (live_table(contract), errors_table(contract)) if contract.serving else ():
        connection.execute(
            sql.SQL("DELETE FROM {} WHERE slice_id = ANY(%s)").format(
                sql.Identifier(*table.split("."))
            ),
            [[*slice_ids]],
        )
