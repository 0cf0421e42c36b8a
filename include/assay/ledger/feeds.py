"""Feeds in the books: which datasets have brought files, to which pipeline, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay.ledger.query import Connection, fetch_all

NEWEST = """
    SELECT dataset, max(seen_at)::date::text,
           extract(day FROM clock_timestamp() - max(seen_at))::int
    FROM ops.batch_slice WHERE dataset = ANY(%s) AND verdict = 'accepted'
    GROUP BY dataset ORDER BY dataset
"""


@dataclass(frozen=True)
class NewestFile:
    """When the newest accepted file of a dataset was seen: the day, and how many days ago."""

    dataset: str
    day: str
    age: int


def newest_files(connection: Connection, datasets: Sequence[str]) -> list[NewestFile]:
    """Of each dataset that ever had an accepted file, by name."""
    return [NewestFile(*row) for row in fetch_all(connection, NEWEST, [[*datasets]])]


def datasets_with_records(connection: Connection, batches: Sequence[str]) -> set[str]:
    """Datasets of which these batches have accepted records."""
    rows = fetch_all(
        connection,
        "SELECT DISTINCT dataset FROM ops.batch_slice"
        " WHERE batch_id = ANY(%s) AND verdict = 'accepted' AND records > 0",
        [[*batches]],
    )
    return {dataset for (dataset,) in rows}


def datasets_seen(connection: Connection) -> list[str]:
    """Every dataset of which files have been seen, by name."""
    query = "SELECT dataset FROM ops.batch_slice UNION SELECT dataset FROM ops.stream_refusal"
    rows = fetch_all(connection, f"{query} ORDER BY 1", [])
    return [dataset for (dataset,) in rows]


def datasets_by_pipeline(connection: Connection) -> dict[str, set[str]]:
    """Pipeline → every dataset of which its batches have seen files."""
    rows = fetch_all(
        connection,
        "SELECT DISTINCT pipeline, dataset FROM ops.batch_slice JOIN ops.batch USING (batch_id)",
        [],
    )
    found: dict[str, set[str]] = {}
    for pipeline, dataset in rows:
        found.setdefault(pipeline, set()).add(dataset)
    return found
