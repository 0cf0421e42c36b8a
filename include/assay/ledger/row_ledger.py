"""The row ledger: what became of every record of a batch, per file."""

from __future__ import annotations

from collections.abc import Mapping

from assay.ledger.query import Connection


def record_row_ledger(
    connection: Connection,
    *,
    batch_id: str,
    dataset: str,
    generation: int,
    classes: Mapping[str, Mapping[str, int]],
) -> None:
    """Write what became of every record, per file; `classes` is keyed by file_id."""
    batch = {"batch_id": batch_id, "dataset": dataset, "generation": generation}
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM ops.row_ledger WHERE batch_id = %s AND dataset = %s", [batch_id, dataset]
        )
        cursor.executemany(
            """
            INSERT INTO ops.row_ledger (batch_id, dataset, generation, file_id, records,
                                        new, updated, duplicate, superseded, quarantined, settled,
                                        rounded)
            VALUES (%(batch_id)s, %(dataset)s, %(generation)s, %(file_id)s, %(records)s,
                    %(new)s, %(updated)s, %(duplicate)s, %(superseded)s, %(quarantined)s,
                    %(settled)s, %(rounded)s)
            """,
            [
                # A change set that an earlier version built does not tell how many were settled;
                # one of a dataset without `round` does not tell that no value was rounded.
                {**batch, "settled": 0, "rounded": 0, **counts, "file_id": file_id}
                for file_id, counts in classes.items()
            ],
        )
