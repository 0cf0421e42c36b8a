"""The quarantined rows that matter to a batch, as a Parquet file that Spark can join.

For a replay or a waiver: the open rows that were asked for. For a patch: the open rows that a
record may replace. For a rebuild: the rows that were patched or waived, which stay out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from assay.batch.input_kind import Movement
from assay.batch.plan import Plan
from assay.batch.stage_results import SilverBuild, read_silver
from assay.contracts.lineage import SLICE_ID_IN_LAKE
from assay.errors import BatchError
from assay.intake.filenames import PATCH_NAME
from assay.ledger.quarantine import (
    RowsWanted,
    batches_in_quarantine,
    moved_otherwise,
    reasons_in_quarantine,
    rows_for_batch,
)
from assay.ledger.query import Connection
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


def explain_unnamed(connection: Connection, datasets: Sequence[str], asked: Movement | None) -> str:
    """What a movement is narrowed by and quarantine has never had, with what it has; else empty.

    Rows that have all left quarantine were there: then there is nothing to do, and nothing wrong.
    """
    if asked is None:
        return ""
    if asked.only_dataset and asked.only_dataset not in datasets:
        return _explain("quarantine_dataset", asked.only_dataset, datasets)
    within = [asked.only_dataset] if asked.only_dataset else [*datasets]
    if asked.only_batch is not None:
        batches = batches_in_quarantine(connection, within)
        if asked.only_batch not in batches:
            return _explain("quarantine_batch", asked.only_batch, batches)
    if asked.only_reason is not None:
        reasons = reasons_in_quarantine(connection, within, asked.only_batch)
        if asked.only_reason not in reasons:
            return _explain("quarantine_reason", asked.only_reason, reasons)
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
    only_dataset = asked.only_dataset if asked else None
    wanted = RowsWanted(
        purpose=plan.input.purpose,
        batch_id=plan.batch_id,
        datasets=[name for name in plan.datasets if only_dataset in (None, name)],
        only_batch=asked.only_batch if asked else None,
        only_reason=asked.only_reason if asked else None,
        patch_name=PATCH_NAME,
    )
    with written_whole(Path(plan.quarantine_rows)) as path:
        return _write(connection, wanted, path)


def _write(connection: Connection, wanted: RowsWanted, path: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    with pq.ParquetWriter(path, SCHEMA) as writer:
        for rows in rows_for_batch(connection, wanted, ROWS_PER_BATCH):
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
            row_ids = rows.column(0).to_pylist()
            gone = moved_otherwise(connection, dataset, row_ids, plan.batch_id)
            if gone:
                row_id, how = gone
                raise BatchError(
                    f"{plan.batch_id}: row {row_id} was {how} after this batch was built;"
                    " clear build_silver and all after it"
                )


def moved_files(built: SilverBuild) -> tuple[Path, ...]:
    """The Parquet files with the row_id of every row that a built change set moves."""
    return tuple(sorted(Path(built.moves).glob("*.parquet"))) if built.moves else ()
