"""Slices of events and their judged records, as Spark would hand them to the sink of a stream."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from assay.batch.slices import FileSlice
from assay.contracts.load import load_contract
from assay.publish.staging import arrow_schema
from assay.serving.live import live_columns

SILVER = load_contract("silver", "ecommerce_events")
SCHEMA = pa.schema(
    [
        *arrow_schema(live_columns(SILVER)),
        ("reasons", pa.list_(pa.string())),
        ("raw", pa.string()),
    ]
)
NEWLINES = 'a "quoted" text,\nof lines\r\n\\.\n'  # what a CSV could end at


def event_slice(name: str, records: int) -> FileSlice:
    return FileSlice(
        dataset="ecommerce_events",
        format="csv",
        slice_id=name * 64,
        path=__file__,  # nothing but whether it is there is asked
        source_file=f"{name}.csv",
        records=records,
        size_bytes=10,
        header=["event_id"],
        slice_date="2026-01-05",
    )


def judged(taken: FileSlice, *, bad: int = 0, **facts: Any) -> pa.Table:
    """The records of a slice, of which the last `bad` have reasons."""
    rows = [
        {
            "event_id": f"{taken.source_file}-{number}",
            "event_time": datetime(2026, 1, 5, 10, 0, 0, number, tzinfo=UTC),
            "event_type": "view",
            "event_type_delivered": "",
            "product_id": number,
            "product_name": NEWLINES,
            "price": Decimal("0.10"),
            "user_id": 1,
            "session_id": None,
            "slice_id": taken.slice_id,
            "record_number": number,
            "reasons": [],
            "raw": None,
            **facts,
        }
        for number in range(1, taken.records + 1)
    ]
    for row in rows[len(rows) - bad :]:
        row |= {"reasons": ["user_id.missing", 'odd "one"\\'], "raw": f"{NEWLINES},1"}
    return pa.Table.from_pylist(rows, SCHEMA)
