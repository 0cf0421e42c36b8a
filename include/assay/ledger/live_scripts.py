"""The scripts of live: which text of a dataset's `live.sql` has run in this database."""

from __future__ import annotations

from assay.ledger.query import Connection, fetch_all

RECORD = """
    INSERT INTO ops.live_script AS known (dataset, sha256) VALUES (%s, %s)
    ON CONFLICT (dataset) DO UPDATE SET sha256 = excluded.sha256, run_at = clock_timestamp()
    WHERE known.sha256 <> excluded.sha256
    RETURNING dataset
"""


def record_script(connection: Connection, dataset: str, sha256: str) -> bool:
    """Note the text that is about to run, by its sha256; False when it was the last to run.

    To be called by the owner, in the transaction that runs it.
    """
    return bool(fetch_all(connection, RECORD, [dataset, sha256]))
