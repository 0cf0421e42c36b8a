"""The row ledger: what became of every record of a batch, per slice."""

from __future__ import annotations

from collections.abc import Mapping

from assay.ledger.query import Connection, fetch_all


def record_row_ledger(
    connection: Connection,
    *,
    batch_id: str,
    dataset: str,
    generation: int,
    classes: Mapping[str, Mapping[str, int]],
) -> None:
    """Write what became of every record, per slice; `classes` is keyed by slice_id."""
    batch = {"batch_id": batch_id, "dataset": dataset, "generation": generation}
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM ops.row_ledger WHERE batch_id = %s AND dataset = %s", [batch_id, dataset]
        )
        cursor.executemany(
            """
            INSERT INTO ops.row_ledger (batch_id, dataset, generation, slice_id, records,
                                        new, updated, duplicate, superseded, quarantined, settled,
                                        rounded)
            VALUES (%(batch_id)s, %(dataset)s, %(generation)s, %(slice_id)s, %(records)s,
                    %(new)s, %(updated)s, %(duplicate)s, %(superseded)s, %(quarantined)s,
                    %(settled)s, %(rounded)s)
            """,
            [
                # A change set that an earlier version built does not tell how many were settled;
                # one of a dataset without `round` does not tell that no value was rounded.
                {**batch, "settled": 0, "rounded": 0, **counts, "slice_id": slice_id}
                for slice_id, counts in classes.items()
            ],
        )


def batches_in_row_ledger(connection: Connection, pipeline: str) -> list[str]:
    """Batches of the pipeline whose records were counted, in any generation."""
    rows = fetch_all(
        connection,
        "SELECT DISTINCT batch_id FROM ops.row_ledger JOIN ops.batch USING (batch_id)"
        " WHERE pipeline = %s",
        [pipeline],
    )
    return [batch_id for (batch_id,) in rows]
