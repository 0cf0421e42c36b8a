"""The quarantined rows that matter to a batch, as a Parquet file that Spark can join.

For a replay or a waiver: the open rows that were asked for. For a patch: the open rows that a
record may replace. For a rebuild: the rows that were patched or waived, which stay out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from psycopg.rows import tuple_row

from assay.batch.inputs import Movement, Rebuild, Replay
from assay.batch.plan import Plan
from assay.batch.stage_results import SilverBuild, read_silver
from assay.batch.states import WHOLE_IN_LAKE
from assay.contracts.lineage import SLICE_ID_IN_LAKE
from assay.errors import BatchError
from assay.intake.filenames import PATCH_NAME
from assay.ledger.query import Connection, fetch_all
from assay.storage.files import written_whole

ROWS_PER_BATCH = 8192
MOST_NAMES = 10
SCHEMA = pa.schema(
    {
        "dataset": pa.string(),
        "row_id": pa.string(),
        SLICE_ID_IN_LAKE: pa.string(),
        "record_number": pa.int64(),
        "from_batch": pa.string(),
        "how": pa.string(),
        "to_batch": pa.string(),
    }
)
# The batch in whose bronze a row lies is the one that accepted its slice: a rebuild has its own id.
ROWS = """
    SELECT row.dataset, row.row_id, row.slice_id, row.record_number, own.batch_id,
           moved.how, moved.to_batch
    FROM ops.quarantine_row AS row
    LEFT JOIN ops.quarantine_movement AS moved
        ON moved.dataset = row.dataset AND moved.row_id = row.row_id
    JOIN LATERAL (
        SELECT taken.batch_id FROM ops.batch_slice AS taken
        JOIN ops.batch USING (batch_id)
        WHERE taken.dataset = row.dataset AND taken.slice_id = row.slice_id
          AND taken.verdict = 'accepted' AND batch.state = ANY(%(in_lake)s)
        ORDER BY batch.commit_epoch LIMIT 1
    ) AS own ON true
    WHERE row.dataset = ANY(%(datasets)s) AND CASE %(purpose)s
        WHEN 'rebuild' THEN moved.how IN ('patched', 'waived')
        ELSE (moved.row_id IS NULL OR moved.to_batch = %(batch_id)s)
    END
      AND (%(only_batch)s::text IS NULL OR row.batch_id = %(only_batch)s)
      AND (%(only_reason)s::text IS NULL OR %(only_reason)s = ANY(row.reasons))
      -- A record of a patch stands for another row; it is patched again, or waived.
      AND (%(purpose)s <> 'replay' OR row.source_file !~ %(patch_name)s)
    ORDER BY row.dataset, row.row_id
"""


NAMES = """
    SELECT DISTINCT {name} FROM ops.quarantine_row AS row
    WHERE row.dataset = ANY(%(datasets)s)
      AND (%(only_batch)s::text IS NULL OR row.batch_id = %(only_batch)s)
    ORDER BY 1
"""


def explain_unnamed(connection: Connection, datasets: Sequence[str], asked: Movement | None) -> str:
    """What a movement is narrowed by and quarantine has never had, with what it has; else empty.

    Rows that have all left quarantine were there: then there is nothing to do, and nothing wrong.
    """
    if asked is None:
        return ""
    if asked.only_dataset and asked.only_dataset not in datasets:
        return _explain("quarantine_dataset", asked.only_dataset, datasets)
    within = {"datasets": [asked.only_dataset] if asked.only_dataset else [*datasets]}
    for param, wanted, name, only_batch in (
        ("quarantine_batch", asked.only_batch, "row.batch_id", None),
        ("quarantine_reason", asked.only_reason, "unnest(row.reasons)", asked.only_batch),
    ):
        if wanted is None:
            continue
        query = NAMES.format(name=name)
        found = fetch_all(connection, query, {**within, "only_batch": only_batch})
        if (wanted,) not in found:
            return _explain(param, wanted, [name for (name,) in found])
    return ""


def _explain(param: str, wanted: str, names: Sequence[str]) -> str:
    if not names:
        return f"{param}={wanted!r} names nothing: no such row was ever in quarantine"
    near = get_close_matches(wanted, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
    listed = ", ".join(names[:MOST_NAMES])
    return f"{param}={wanted!r} names nothing in quarantine.{hint} There is: {listed}{more}"


def select_rows(connection: Connection, plan: Plan) -> Counter[str]:
    """Write the rows that matter to the plan, by the movements so far; returns how many of each
    dataset. Rows that this very batch has moved, in an attempt before, count as open.
    """
    asked = plan.movement
    purpose = {Rebuild: "rebuild", Replay: "replay"}.get(type(plan.input), "open")
    only_dataset = asked.only_dataset if asked else None
    wanted = {
        "purpose": purpose,
        "in_lake": [*WHOLE_IN_LAKE],
        "batch_id": plan.batch_id,
        "datasets": [name for name in plan.datasets if only_dataset in (None, name)],
        "only_batch": asked.only_batch if asked else None,
        "only_reason": asked.only_reason if asked else None,
        "patch_name": PATCH_NAME,
    }
    with written_whole(Path(plan.quarantine_rows)) as path:
        return _write(connection, wanted, path)


def _write(connection: Connection, wanted: Mapping[str, Any], path: Path) -> Counter[str]:
    """Stream the rows from a cursor of the server, so that memory does not grow with them."""
    counts: Counter[str] = Counter()
    with (
        pq.ParquetWriter(path, SCHEMA) as writer,
        connection.transaction(),
        connection.cursor("quarantine_rows", row_factory=tuple_row) as cursor,
    ):
        cursor.execute(ROWS, wanted)
        while rows := cursor.fetchmany(ROWS_PER_BATCH):
            columns = [list(column) for column in zip(*rows, strict=True)]
            counts.update(columns[0])
            writer.write_batch(pa.record_batch(columns, schema=SCHEMA))
    return counts


def require_open(connection: Connection, plan: Plan) -> None:
    """Raise BatchError when a row that the batch moves has gone another way since it was built.

    To be asked before the batch commits: what the lake holds can only be published.
    """
    built = read_silver(plan.folder).datasets
    for dataset, path in ((name, path) for name, d in built.items() for path in moved_files(d)):
        for rows in pq.ParquetFile(path).iter_batches(ROWS_PER_BATCH, columns=["row_id"]):
            gone = fetch_all(
                connection,
                "SELECT row_id, how FROM ops.quarantine_movement WHERE dataset = %s"
                " AND row_id = ANY(%s) AND to_batch IS DISTINCT FROM %s LIMIT 1",
                [dataset, rows.column(0).to_pylist(), plan.batch_id],
            )
            for row_id, how in gone:
                raise BatchError(
                    f"{plan.batch_id}: row {row_id} was {how} after this batch was built;"
                    " clear build_silver and all after it"
                )


def moved_files(built: SilverBuild) -> tuple[Path, ...]:
    """The Parquet files with the row_id of every row that a built change set moves."""
    return tuple(sorted(Path(built.moves).glob("*.parquet"))) if built.moves else ()
