"""The order of deliveries that settles equal versions of a key, as a file beside the plan.

It is a fact of the delivered files, not of the batch that judges them: the day of a file, then the
number under which it was accepted. So a rebuild, a replay and a late batch go by the same order.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from assay.batch.plan import Plan
from assay.contracts.lineage import SLICE_ID_IN_LAKE
from assay.ledger.deliveries import AcceptedSlice, accepted_slices
from assay.ledger.query import Connection
from assay.storage.files import written_whole

# `delivery` sorts as a text. `is_committed` says whether the lake has records of the file.
SCHEMA = pa.schema(
    {
        "dataset": pa.string(),
        SLICE_ID_IN_LAKE: pa.string(),
        "batch_id": pa.string(),
        "delivery": pa.string(),
        "is_committed": pa.bool_(),
    }
)


def write_delivery_order(connection: Connection, plan: Plan) -> None:
    """Write where every accepted file of the batch's datasets stands today.

    To be asked again before a change set is built: a batch that was stuck meets files that were
    accepted since. Files of a dry run, which the ledger does not have, come after all of their day.
    """
    known = accepted_slices(connection, plan.datasets)
    contents = {(file.dataset, file.slice_id) for file in known}
    beyond = max((file.number for file in known), default=0) + 1
    tried = [
        AcceptedSlice(
            f.dataset, f.slice_id, plan.batch_id, f.slice_date, number, is_committed=False
        )
        for number, f in enumerate(plan.slices, start=beyond)
        if (f.dataset, f.slice_id) not in contents
    ]
    with written_whole(Path(plan.delivery_order)) as path:
        pq.write_table(pa.Table.from_pylist([_row(f) for f in (*known, *tried)], SCHEMA), path)


def _row(file: AcceptedSlice) -> dict[str, object]:
    return {
        "dataset": file.dataset,
        SLICE_ID_IN_LAKE: file.slice_id,
        "batch_id": file.batch_id,
        "delivery": f"{file.slice_date} {file.number:019d}",
        "is_committed": file.is_committed,
    }
