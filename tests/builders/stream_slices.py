"""What a stream of Kafka has recorded, written as the stream does, without Spark and a broker."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from assay import ledger
from assay.batch.slices import FileSlice, StreamSlice
from assay.contracts.load import load_contract
from assay.ledger import Delivery, stream_slices
from assay.ledger.streams import RecordedSlice, hold, record, take_stream
from assay.settings import Settings
from builders.ledger_rows import bring_to, commit, release

if TYPE_CHECKING:
    from conftest import Database

DATASET = TOPIC = "ecommerce_events"
SILVER = load_contract("silver", DATASET)
STREAM, FILES = f"{DATASET}.kafka", f"{DATASET}.files"
COLUMNS = (
    *("event_id", "event_time", "event_type", "event_type_delivered", "product_id"),
    *("product_name", "price", "user_id", "session_id"),
)
SHOW = f"""
    INSERT INTO live.ecommerce_event ({", ".join(COLUMNS)}, slice_id, record_number)
    VALUES ({", ".join(f"%({name})s" for name in COLUMNS)}, %(slice_id)s, %(record_number)s)
"""  # noqa: S608  # names of our own
SHOW_ERROR = """
    INSERT INTO live.ecommerce_event_errors (slice_id, record_number, reasons, raw)
    VALUES (%s, %s, '{record.malformed}', %s)
"""
HEADER = ["event_id", "event_time", "event_type", "product_id", "price", "user_id", "session_id"]


@dataclass(frozen=True)
class Value:
    """A value of the topic; `row` is what the contract makes of it, None where that is nothing."""

    text: bytes | None
    row: dict[str, Any] | None = None


def event(name: str, minute: int = 0, price: str = "9.50", **spelt: str) -> Value:
    """A good event; `spelt` gives fields of it other names."""
    delivered = {
        "event_id": name,
        "event_time": f"2026-11-30T10:{minute:02d}:00Z",
        "event_type": "View",
        "product_id": 17,
        "price": price,
        "user_id": 1001,
        "session_id": "s1",
    }
    row = {
        **delivered,
        "event_time": datetime.fromisoformat(f"2026-11-30T10:{minute:02d}:00+00:00"),
        "event_type": "view",
        "event_type_delivered": "View",
        "product_name": None,
    }
    told = {spelt.get(field, field): value for field, value in delivered.items()}
    return Value(json.dumps(told).encode(), row)


@dataclass
class Kafka:
    """One holder of the stream of the topic, which has one partition."""

    settings: Settings
    database: Database
    epoch: int = 0
    offset: int = 0
    micro_batch: int = 0

    def take(self) -> None:
        with self.database.connect("assay_streamer", autocommit=True) as connection:
            self.epoch = take_stream(connection, STREAM, DATASET, "kafka", "a test").epoch
        self.micro_batch = 0

    def record(self, values: Sequence[Value], parked: str | None = None) -> StreamSlice:
        """Write a slice file, show its records and record it; of a parked one none is shown."""
        taken = self._write([value.text for value in values])
        shown = [] if parked else [*enumerate(values, start=1)]
        good = [(number, value.row) for number, value in shown if value.row]
        until = self.offset + len(values)
        recorded = RecordedSlice(
            taken,
            SILVER.version,
            live_records=len(good),
            error_records=len(shown) - len(good),
            offsets={TOPIC: {"0": [self.offset, until]}},
            parked=parked,
        )
        with self.database.connect("assay_streamer") as connection:
            assert hold(connection, STREAM, self.epoch, self.micro_batch)
            for number, row in good:
                place = {"slice_id": taken.slice_id, "record_number": number}
                connection.execute(SHOW, {**row, **place})
            for number, value in shown:
                if not value.row:
                    raw = (value.text or b"null").decode("utf-8", "replace")
                    connection.execute(SHOW_ERROR, [taken.slice_id, number, raw])
            going_on = {TOPIC: {"0": until}}
            record(connection, STREAM, self.epoch, self.micro_batch, [recorded], going_on)
        self.offset, self.micro_batch = until, self.micro_batch + 1
        return taken

    def _write(self, values: Sequence[bytes | None]) -> StreamSlice:
        name = f"{self.epoch}-{self.micro_batch:012d}"
        place = self.settings.accepted / "streams" / STREAM / f"{name}.parquet"
        size, sha256 = write_slice_file(place, values, self.offset)
        return StreamSlice(
            dataset=DATASET,
            format="kafka_json",
            slice_id=f"{STREAM}/{name}",
            path=str(place),
            source_file=place.name,
            records=len(values),
            size_bytes=size,
            header=[],
            slice_date="2026-11-30",
            sha256=sha256,
        )


def write_slice_file(place: Any, values: Sequence[bytes | None], offset: int) -> tuple[int, str]:
    """The file of a slice of one partition; its size and its sha256."""
    rows = pa.table(
        {
            "value": pa.array(values, pa.binary()),
            "key": pa.array([None] * len(values), pa.binary()),
            "headers": pa.array(["{}"] * len(values)),
            "topic": pa.array([TOPIC] * len(values)),
            "partition": pa.array([0] * len(values), pa.int32()),
            "offset": pa.array(range(offset, offset + len(values)), pa.int64()),
            "timestamp": pa.array([datetime(2026, 11, 30)] * len(values), pa.timestamp("us")),
        }
    )
    content = io.BytesIO()
    pq.write_table(rows, content)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content.getvalue())
    return len(content.getvalue()), hashlib.sha256(content.getvalue()).hexdigest()


def record_file(settings: Settings, database: Database, names: Sequence[str]) -> FileSlice:
    """A file that the stream of files has taken: one good event for each name."""
    values = [event(name) for name in names]
    lines = [HEADER, *([str(v.row[h]) if h != "event_type" else "View" for h in HEADER]
                       for v in values if v.row)]  # fmt: skip
    content = "".join(",".join(line) + "\n" for line in lines).encode()
    sha256 = hashlib.sha256(content).hexdigest()
    place = settings.accepted / DATASET / f"{sha256}.csv"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)  # type: ignore[union-attr]
    taken = FileSlice(
        dataset=DATASET,
        format="csv",
        slice_id=sha256,
        path=str(place),
        source_file="by_stream.csv",
        records=len(values),
        size_bytes=len(content),
        header=HEADER,
        slice_date="2026-11-30",
    )
    with database.connect("assay_streamer") as connection:
        epoch = take_stream(connection, FILES, DATASET, "files", "a test").epoch
        assert hold(connection, FILES, epoch, 0)
        for number, value in enumerate(values, start=1):
            place_of = {"slice_id": sha256, "record_number": number}
            connection.execute(SHOW, {**(value.row or {}), **place_of})
        record(
            connection, FILES, epoch, 0, [RecordedSlice(taken, SILVER.version, len(values))], None
        )
    return taken


def release_slices(loader: psycopg.Connection[Any], *slices: FileSlice | StreamSlice) -> int:
    """A batch that has accepted and released them; the number of its release."""
    ledger.start_batch(
        loader,
        batch_id="b",
        pipeline=DATASET,
        run_id="b",
        run_type="manual",
        batch_date="2026-11-30",
        generation=1,
        source="files",
        contract_versions={},
    )
    taken = [
        Delivery(DATASET, s.source_file, s.slice_id, "accepted", records=s.records, kind=s.kind)
        for s in slices
    ]
    ledger.record_deliveries(loader, "b", taken)
    commit(loader, "b", 1)
    made = release(loader, "b", {f"silver.{DATASET}": 1}, pipeline=DATASET)
    stream_slices.release_slices(loader, "b")
    bring_to(loader, "b", "PUBLISHED")
    return made.release_id
