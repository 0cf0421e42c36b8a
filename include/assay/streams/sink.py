"""One micro-batch into Postgres: fence, rows, errors, slices and progress in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from assay.batch.slices import Slice
from assay.contracts.model import Contract
from assay.failpoints import reach
from assay.ledger.streams import Offsets, Ranges, RecordedSlice, hold, known_content, record
from assay.serving.live import errors_table, live_columns, live_table
from assay.streams.copy_rows import copy_rows

ERROR_COLUMNS = ("slice_id", "record_number", "reasons", "raw")


@dataclass(frozen=True)
class MicroBatch:
    """What is to be recorded at once, and under which number of which epoch.

    `offsets` are those of the slice of Kafka, by its slice_id; `next_offsets` where to go on.
    """

    number: int
    slices: Sequence[Slice]
    offsets: dict[str, Ranges] | None = None
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
        parked: dict[str, str],
    ) -> int:
        """Show and record a micro-batch; returns how many records became visible.

        `judged` are the judged records of its slices but the `parked` ones (slice_id → why).
        Content that somebody has recorded meanwhile is left out. Raises FencedError when a newer
        holder has the stream; then, as after any error, nothing has happened.
        """
        with connection.transaction():
            if not hold(connection, self.stream, self.epoch, batch.number):
                return 0
            ids = [each.slice_id for each in batch.slices]
            known = known_content(connection, self.silver.name, ids)
            fresh = [each for each in batch.slices if each.slice_id not in known]
            shown = self._show(connection, judged, known)
            self._record(connection, batch, fresh, judged, parked)
            reach(f"before COMMIT of {self.stream}")
        reach(f"after COMMIT of {self.stream}")
        return shown

    def try_out(self, connection: psycopg.Connection[Any], judged: pa.Table) -> None:
        """Have Postgres take the rows, and take them back. Raises what it refuses them with."""
        with connection.transaction(force_rollback=True):
            self._show(connection, judged, set())

    def _show(self, connection: psycopg.Connection[Any], judged: pa.Table, known: set[str]) -> int:
        if known:
            is_known = pc.is_in(judged["slice_id"], pa.array(sorted(known), pa.string()))
            judged = judged.filter(pc.invert(is_known))
        is_bad = pc.greater(pc.list_value_length(judged["reasons"]), 0)
        columns = [column.name for column in live_columns(self.silver)]
        copy_rows(connection, live_table(self.silver), columns, judged.filter(pc.invert(is_bad)))
        copy_rows(connection, errors_table(self.silver), ERROR_COLUMNS, judged.filter(is_bad))
        return int(judged.num_rows)

    def _record(
        self,
        connection: psycopg.Connection[Any],
        batch: MicroBatch,
        fresh: Sequence[Slice],
        judged: pa.Table,
        parked: dict[str, str],
    ) -> None:
        counts = count_records(judged)
        offsets = batch.offsets or {}
        recorded = []
        for each in fresh:
            live, errors = counts.get(each.slice_id, (0, 0))
            why = parked.get(each.slice_id)
            if why is None and live + errors != each.records:
                raise ValueError(
                    f"{each.source_file!r}: {live + errors:,} records were read, and"
                    f" {each.records:,} were counted when it was accepted"
                )
            place = offsets.get(each.slice_id)
            recorded.append(RecordedSlice(each, live, errors, place, why))
        record(connection, self.stream, self.epoch, batch.number, recorded, batch.next_offsets)


def count_records(judged: pa.Table) -> dict[str, tuple[int, int]]:
    """slice_id → how many of its records are good, and how many bad."""
    is_bad = pc.greater(pc.list_value_length(judged["reasons"]), 0)
    counted = pa.table({"slice_id": judged["slice_id"], "bad": pc.cast(is_bad, pa.int64())})
    groups = counted.group_by("slice_id").aggregate([("bad", "sum"), ("bad", "count")])
    return {
        row["slice_id"]: (row["bad_count"] - row["bad_sum"], row["bad_sum"])
        for row in groups.to_pylist()
    }
