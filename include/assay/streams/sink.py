"""One micro-batch into Postgres: fence, rows, errors, slices and progress in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from assay.batch.slices import Slice
from assay.contracts.model import Contract
from assay.errors import BatchError
from assay.failpoints import reach
from assay.ledger.stream_signs import take_back
from assay.ledger.stream_slices import known_content
from assay.ledger.streams import Offsets, Ranges, RecordedSlice, hold, record
from assay.serving.live import errors_table, live_columns, live_table
from assay.streams.copy_rows import copy_rows

# Of a machine that is gone, or a process that sleeps: whoever takes the stream waits for it.
FROZEN = "SET LOCAL idle_in_transaction_session_timeout = '60s'"
ERROR_COLUMNS = ("slice_id", "record_number", "reasons", "raw")


@dataclass(frozen=True)
class MicroBatch:
    """What is to be recorded at once, and under which number of which epoch.

    `offsets` are those of the slice of Kafka, by its slice_id; `next_offsets` where to go on.
    """

    number: int
    slices: Sequence[Slice]
    offsets: Mapping[str, Ranges] | None = None
    next_offsets: Offsets | None = None


@dataclass(frozen=True)
class Sink:
    """Where the micro-batches of a stream go, for as long as it holds this epoch."""

    stream: str
    epoch: int
    silver: Contract

    def record(
        self,
        connection: psycopg.Connection[Any],
        batch: MicroBatch,
        judged: pa.Table,
        parked: Mapping[str, str],
    ) -> int:
        """Show and record a micro-batch; returns how many records became visible.

        `judged` are the judged records of its slices but the `parked` ones (slice_id → why).
        Content that somebody has recorded meanwhile is left out. Raises FencedError when a newer
        holder has the stream; then, as after any error, nothing has happened.
        """
        with connection.transaction():
            connection.execute(FROZEN)
            if not hold(connection, self.stream, self.epoch, batch.number):
                take_back(connection, self.stream, self.epoch)  # told of a COMMIT without an answer
                return 0
            ids = [each.slice_id for each in batch.slices]
            known = known_content(connection, self.silver.name, ids)
            fresh = [each for each in batch.slices if each.slice_id not in known]
            shown = without(judged, known)
            require_all([each for each in fresh if each.slice_id not in parked], shown)
            self._show(connection, shown)
            recorded = self._recorded(batch, fresh, shown, parked)
            name, epoch = self.stream, self.epoch
            record(connection, name, epoch, batch.number, recorded, batch.next_offsets)
            reach(f"before COMMIT of {self.stream}")
        reach(f"after COMMIT of {self.stream}")
        return int(shown.num_rows)

    def try_out(
        self, connection: psycopg.Connection[Any], slices: Sequence[Slice], judged: pa.Table
    ) -> None:
        """Have Postgres take the rows, and take them back. Raises what it refuses them with."""
        require_all(slices, judged)
        with connection.transaction(force_rollback=True):
            self._show(connection, judged)

    def _show(self, connection: psycopg.Connection[Any], judged: pa.Table) -> None:
        is_bad = pc.greater(pc.list_value_length(judged["reasons"]), 0)
        columns = [column.name for column in live_columns(self.silver)]
        copy_rows(connection, live_table(self.silver), columns, judged.filter(pc.invert(is_bad)))
        copy_rows(connection, errors_table(self.silver), ERROR_COLUMNS, judged.filter(is_bad))

    def _recorded(
        self, batch: MicroBatch, fresh: Sequence[Slice], judged: pa.Table, parked: Mapping[str, str]
    ) -> list[RecordedSlice]:
        counts, offsets = count_records(judged), batch.offsets or {}
        return [
            RecordedSlice(
                each,
                self.silver.version,
                *counts.get(each.slice_id, (0, 0)),
                offsets=offsets.get(each.slice_id),
                parked=parked.get(each.slice_id),
            )
            for each in fresh
        ]


def require_all(slices: Sequence[Slice], judged: pa.Table) -> None:
    """Raise BatchError unless of each slice as many records were judged as were counted."""
    counts = count_records(judged)
    for each in slices:
        found = sum(counts.get(each.slice_id, (0, 0)))
        if found != each.records:
            raise BatchError(
                f"{each.source_file!r}: Spark has read {found:,} records, and {each.records:,} were"
                " counted when it was accepted; it was written to since"
            )


def without(judged: pa.Table, slice_ids: set[str]) -> pa.Table:
    """The records of all other slices."""
    if not slice_ids:
        return judged
    is_of = pc.is_in(judged["slice_id"], pa.array(sorted(slice_ids), pa.string()))
    return judged.filter(pc.invert(is_of))


def count_records(judged: pa.Table) -> dict[str, tuple[int, int]]:
    """slice_id → how many of its records are good, and how many bad."""
    is_bad = pc.greater(pc.list_value_length(judged["reasons"]), 0)
    counted = pa.table({"slice_id": judged["slice_id"], "bad": pc.cast(is_bad, pa.int64())})
    groups = counted.group_by("slice_id").aggregate([("bad", "sum"), ("bad", "count")])
    return {
        row["slice_id"]: (row["bad_count"] - row["bad_sum"], row["bad_sum"])
        for row in groups.to_pylist()
    }
