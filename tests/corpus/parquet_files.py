"""Bad input as Parquet, for every dataset that takes it."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from assay.contracts.columns import Column
from corpus.case import Case, accepted, rejected
from corpus.good_records import GoodRecords

NANOSECONDS = pa.timestamp("ns")
NO_FOOTER = (
    "not a sound Parquet file: Parquet magic bytes not found in footer."
    " Either the file is corrupted or this is not a parquet file."
)
SPOILT = "not a sound Parquet file: Couldn't deserialize thrift: TProtocolException: Invalid data"
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
        ]

    def refused(self) -> list[Case]:
        content = as_parquet(self.table)
        number = self.good.header_of(self.good.number)
        at = self.table.column_names.index(number)
        twice = self.table.append_column(number.upper(), self.table[number])
        with_desk = self.table.append_column("desk", pa.array(["a", "b", "c"]))
        packed = as_parquet(self.table, compression="zstd")
        return [
            self.rejected(
                "codec_that_does_not_exist",
                packed.replace(f"{number}\x15\x0c\x16".encode(), f"{number}\x15\x55\x16".encode()),
                "not a sound Parquet file: Unsupported compression codec value: 4294967253",
            ),
            self.rejected(
                "column_of_two_names",
                as_parquet(with_desk, store_schema=False).replace(b"desk", b"disk", 1),
                "not a sound Parquet file: its footer calls column disk of BYTE_ARRAY also desk of"
                " BYTE_ARRAY",
            ),
            self.rejected(
                "name_not_utf8",
                as_parquet(with_desk, store_schema=False).replace(b"desk", b"de\xffk"),
                "not a sound Parquet file: 'utf-8' codec can't decode byte 0xff in position 2:"
                " invalid start byte",
            ),
            self.rejected("truncated", content[:-20], NO_FOOTER),
            self.rejected("cut_in_half", content[: len(content) // 2], NO_FOOTER),
            self.rejected("csv_named_parquet", b"a,b\n1,2\n", NO_FOOTER),
            self.rejected("page_spoilt", b"PAR1" + b"\x55" * 60 + content[64:], SPOILT),
            self.rejected("empty", b"", "empty file"),
            self.rejected("named_csv", content, "not CSV: a Parquet file", suffix="csv"),
            self.rejected("named_jsonl", content, "not JSON: a Parquet file", suffix="jsonl"),
            self.rejected(
                "required_column_missing",
                as_parquet(self.table.remove_column(at)),
                self.good.missing_reason(number),
            ),
            self.rejected(
                "column_in_two_spellings",
                as_parquet(twice),
                f"header column given twice: {number!r}, {number.upper()!r}",
            ),
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
            self.typed("number_float", number, pa.array([7.0, 8.0, 1e7])),
            self.typed("text_view", number, pa.array(["7", "8", "9"], pa.string_view())),
            self.accepted(
                "unknown_column_of_bytes",
                as_parquet(self.table.append_column("desk", pa.array([b"\xff\xfe", None, b"a"]))),
                records=3,
            ),
            self.typed("large_string", number, pa.array(["7", "8", "9"], pa.large_string())),
            self.typed("dictionary", number, pa.array(["7", "8", "9"]).dictionary_encode()),
            self.typed(
                "number_null", number, pa.array([7, None, 9]), bad={f"{number.name}.missing": 1}
            ),
            self.typed(
                "number_not_a_number",
                number,
                pa.array([7.0, float("nan"), float("inf")]),
                bad={f"{number.name}.unparseable": 2},
            ),
            self.typed(
                "number_boolean",
                number,
                pa.array([True, False, None]),
                bad={f"{number.name}.unparseable": 2, f"{number.name}.missing": 1},
            ),
        ]

    def wrong_types(self) -> list[Case]:
        header = self.good.header_of(self.good.number)
        values = {
            "number_a_list": (pa.array([[7], [8], [9]]), "is list<element: int64>"),
            "number_a_struct": (pa.array([{"a": 7}] * 3), "is struct<a: int64>"),
            "number_binary": (pa.array([b"7", b"8", b"9"]), "is binary"),
        }
        header_of_words = self.good.header_of(self.good.words)
        uuids = pa.array([bytes(16)] * 3, pa.uuid())
        twice = pa.array([{"a": 1, "A": 2}] * 3)
        split = self.replaced(self.good.number, pa.array([7.0, 8.0, 9.0]))
        nanoseconds = as_parquet(self.replaced(self.good.time, pa.array([1] * 3, NANOSECONDS)))
        return [
            *(
                self.rejected(
                    name,
                    as_parquet(self.replaced(self.good.number, array)),
                    f"column {header} {kind}, not a single value",
                )
                for name, (array, kind) in values.items()
            ),
            self.rejected(
                "uuid",
                as_parquet(self.replaced(self.good.words, uuids)),
                f"column {header_of_words} is a UUID of 16 bytes, which Spark does not read;"
                " write it as text of 36 characters",
            ),
            self.rejected(
                "unknown_column_with_a_field_twice",
                as_parquet(self.table.append_column("desk", twice)),
                "column desk has a field twice, in some spelling: struct<a: int64, A: int64>",
            ),
            self.rejected(
                "encoded_by_byte_stream_split",
                as_parquet(split, use_dictionary=False, use_byte_stream_split=[header]),
                f"column {header} is encoded by BYTE_STREAM_SPLIT, which Spark does not read;"
                " write it with a dictionary, or plain",
            ),
            self.rejected(
                "nanoseconds",
                nanoseconds,
                f"column {self.good.header_of(self.good.time)} counts nanoseconds;"
                " write it with microseconds",
            ),
        ]

    def typed(
        self, name: str, column: Column, values: pa.Array, bad: dict[str, int] | None = None
    ) -> Case:
        content = as_parquet(self.replaced(column, values))
        return self.accepted(name, content, records=3, bad=bad)

    def replaced(self, column: Column, values: pa.Array) -> pa.Table:
        header = self.good.header_of(column)
        return self.table.set_column(self.table.column_names.index(header), header, values)

    def accepted(self, name: str, content: bytes, suffix: str = "parquet", **facts: Any) -> Case:
        return accepted(
            f"parquet_{name}", content, file_name=f"{name}.{suffix}", dataset=self.dataset, **facts
        )

    def rejected(self, name: str, content: bytes, reason: str, suffix: str = "parquet") -> Case:
        return rejected(f"parquet_{name}", content, reason, f"{name}.{suffix}", self.dataset)
