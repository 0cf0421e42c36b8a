"""Bad input as Parquet, for every dataset that takes it."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from assay.contract import Column
from corpus.case import Case, accepted, rejected
from corpus.good_records import GoodRecords

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def as_parquet(table: pa.Table, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


class ParquetCases:
    """The cases of one dataset."""

    def __init__(self, dataset: str) -> None:
        self.good = GoodRecords(dataset)
        self.dataset = dataset
        self.table = pa.Table.from_pylist(self.good.records())

    def structure(self) -> list[Case]:
        content = as_parquet(self.table)
        number = self.good.header_of(self.good.number)
        at = self.table.column_names.index(number)
        upper = self.table.append_column(number.upper(), self.table[number])
        return [
            self.accepted("good", content, records=3),
            self.accepted("no_rows", as_parquet(self.table.slice(0, 0)), records=0),
            self.accepted("groups_of_rows", as_parquet(self.table, row_group_size=1), records=3),
            *(
                self.accepted(name, as_parquet(self.table, compression=name), records=3)
                for name in ("zstd", "gzip", "none")
            ),
            self.accepted(
                "reordered", as_parquet(self.table.select(self.table.column_names[::-1])), records=3
            ),
            self.accepted(
                "unknown_column",
                as_parquet(self.table.append_column("desk", pa.array(["a", None, "c"]))),
                records=3,
            ),
            self.rejected("truncated", content[:-20]),
            self.rejected("cut_in_half", content[: len(content) // 2]),
            self.rejected("footer_spoilt", content[:-40] + b"\xff" * 30 + content[-10:]),
            self.rejected("page_spoilt", b"PAR1" + b"\xff" * 60 + content[64:]),
            self.rejected("empty", b""),
            self.rejected("csv_named_parquet", b"a,b\n1,2\n"),
            self.rejected("named_csv", content, suffix="csv"),
            self.rejected("named_jsonl", content, suffix="jsonl"),
            self.rejected("brotli", as_parquet(self.table, compression="brotli")),
            self.rejected("required_column_missing", as_parquet(self.table.remove_column(at))),
            self.rejected("column_in_two_spellings", as_parquet(upper)),
        ]

    def types(self) -> list[Case]:
        number, time = self.good.number, self.good.time
        return [
            self.typed("number_integer", number, pa.array([7, 8, 9], pa.int64())),
            self.typed(
                "number_decimal", number, pa.array([Decimal("7"), Decimal("8"), Decimal("9")])
            ),
            self.typed("time_in_utc", time, pa.array([NOON] * 3, pa.timestamp("us", "UTC"))),
            self.typed("time_without_zone", time, pa.array([NOON] * 3, pa.timestamp("us"))),
            self.typed("time_in_milliseconds", time, pa.array([NOON] * 3, pa.timestamp("ms"))),
            self.typed("time_a_date", time, pa.array([date(2026, 1, 1)] * 3)),
            self.typed("large_string", number, pa.array(["7", "8", "9"], pa.large_string())),
            self.typed("dictionary", number, pa.array(["7", "8", "9"]).dictionary_encode()),
            self.typed(
                "number_null", number, pa.array([7, None, 9]), bad={f"{number.name}.missing": 1}
            ),
            self.typed(
                "number_not_a_number",
                number,
                pa.array([7.0, float("nan"), float("inf")]),
                bad={f"{number.name}.unparseable": self.floats_that_do_not_fit()},
            ),
            self.typed(
                "number_boolean",
                number,
                pa.array([True, False, None]),
                bad={f"{number.name}.unparseable": 2, f"{number.name}.missing": 1},
            ),
            self.wrong_type("number_a_list", pa.array([[7], [8], [9]])),
            self.wrong_type("number_a_struct", pa.array([{"a": 7}] * 3)),
            self.wrong_type("number_binary", pa.array([b"7", b"8", b"9"])),
            self.wrong_type("nanoseconds", pa.array([1, 2, 3], pa.timestamp("ns"))),
        ]

    def floats_that_do_not_fit(self) -> int:
        """NaN and infinity never do; 7.0 is no text of an integer."""
        return 2 if self.good.number.is_decimal else 3

    def typed(
        self, name: str, column: Column, values: pa.Array, bad: dict[str, int] | None = None
    ) -> Case:
        content = as_parquet(self.replaced(column, values))
        return self.accepted(name, content, records=3, bad=bad)

    def wrong_type(self, name: str, values: pa.Array) -> Case:
        return self.rejected(name, as_parquet(self.replaced(self.good.number, values)))

    def replaced(self, column: Column, values: pa.Array) -> pa.Table:
        header = self.good.header_of(column)
        return self.table.set_column(self.table.column_names.index(header), header, values)

    def accepted(self, name: str, content: bytes, suffix: str = "parquet", **facts: Any) -> Case:
        return accepted(
            f"parquet_{name}", content, file_name=f"{name}.{suffix}", dataset=self.dataset, **facts
        )

    def rejected(self, name: str, content: bytes, suffix: str = "parquet") -> Case:
        reason = REASONS.get(name, "")
        return rejected(f"parquet_{name}", content, reason, f"{name}.{suffix}", self.dataset)


REASONS: dict[str, str] = {}
