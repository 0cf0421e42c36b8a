"""Slice files of streams in Spark: every value is one record, and none is lost or repaired."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from assay.batch.slices import Slice, StreamSlice
from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from assay.intake.header import value_header
from builders.feeds import make_feed
from builders.stream_slices import DATASET, event, write_slice_file
from spark_jobs.lakehouse.accepted_files import read_files
from spark_jobs.stages.live_rows import LiveRows

EVENTS = load_contract("bronze", DATASET)
TIME = "2026-11-30T10:00:00Z"
# A value, the event_id that bronze has of it, and its malformed_record.
VALUES: list[tuple[bytes | None, str | None, str | None]] = [
    (event("plain").text, "plain", None),
    (event("spelt", event_type="action", event_time="timestamp").text, "spelt", None),
    (b'\xef\xbb\xbf {"event_id": "marked"} \n', "marked", None),
    (b'{"event_id": 12345678901234567890}', "12345678901234567890", None),
    (b'{"event_id": "unknown", "odd": {"a": 1}}', "unknown", None),
    (b"{}", None, None),
    (None, None, "null"),
    (b"", None, ""),
    (b" \n", None, ""),
    (b"[1]", None, "[1]"),
    (b'"text"', None, '"text"'),
    (b'{"event_id": "cut', None, '{"event_id": "cut'),
    (b'{"event_id": "a"}{"event_id": "b"}', None, '{"event_id": "a"}{"event_id": "b"}'),
    (b'{"event_id": "a", "event_id": "b"}', None, '{"event_id": "a", "event_id": "b"}'),
    (b'{"event_id": "bytes \xff"}', None, '{"event_id": "bytes \ufffd"}'),
    (b'{"event_id": "nul \x00"}', None, '{"event_id": "nul \ufffd"}'),
    (b'{"event_id": "nul \\u0000"}', None, '{"event_id": "nul \\u0000"}'),
    (
        b'{"event_time": "2026-11-30", "timestamp": "2026-12-01"}',
        None,
        '{"event_time": "2026-11-30", "timestamp": "2026-12-01"}',
    ),
]


def taken(folder: Path, name: str, values: list[bytes | None], **facts: Any) -> Slice:
    place = folder / f"{name}.parquet"
    size, sha256 = write_slice_file(place, values, 0)
    made = StreamSlice(
        dataset=DATASET,
        format="kafka_json",
        slice_id=f"{DATASET}.kafka/{name}",
        path=str(place),
        source_file=place.name,
        records=len(values),
        size_bytes=size,
        header=[],
        sha256=sha256,
    )
    return replace(made, **facts)


def test_the_query_of_a_stream_judges_as_its_slices_are_judged(
    spark: SparkSession, tmp_path: Path
) -> None:
    header = value_header(EVENTS)
    broken_csv = [
        b"1,2",
        b"",
        None,
        b'"',
        ",".join(header).encode(),
        b"a,2026-11-30T10:00:00Z,View",
    ]
    for format_, columns, values in (
        ("kafka_json", [], [value for value, *_ in VALUES]),
        ("kafka_csv", header, [value for value, *_ in VALUES] + broken_csv),
    ):
        slice_ = taken(tmp_path, format_, values, format=format_, header=columns)
        rows = spark.createDataFrame([*enumerate(values)], "offset bigint, value binary")
        kafka = rows.select("value", F.struct("value", "offset").alias("record_number"))
        live = LiveRows(DATASET)
        judged = live.judged_values(kafka, format_, columns).toArrow()
        numbers = pc.add(judged["record_number"].combine_chunks().field("offset"), 1)
        place = judged.schema.get_field_index("record_number")
        judged = judged.set_column(place, "record_number", numbers)
        found = live.of_slices(judged, {"": slice_.slice_id}).sort_by("record_number")
        assert found.to_pylist() == live.judge(spark, [slice_]).sort_by("record_number").to_pylist()
        assert any(found["reasons"].to_pylist())


def read(spark: SparkSession, files: list[Slice], contract: Contract) -> list[Row]:
    rows = read_files(spark, files, contract, "batch")
    return rows.orderBy("file_id", "record_number").collect()


def test_a_value_of_json_is_a_record_in_whatever_shape_and_of_whatever_kind(
    spark: SparkSession, tmp_path: Path
) -> None:
    one = taken(tmp_path, "1-0", [value for value, *_ in VALUES])
    two = taken(tmp_path, "1-1", [event("second").text])
    rows = read(spark, [one, two], EVENTS)
    found = [(row["event_id"], row["malformed_record"]) for row in rows if "1-0" in row["file_id"]]
    assert found == [
        (name if malformed is None else found[at][0], malformed)
        for at, (_, name, malformed) in enumerate(VALUES)
    ]
    assert [row["record_number"] for row in rows] == [*range(1, len(VALUES) + 1), 1]
    assert (rows[1]["event_type"], rows[1]["event_time"]) == ("View", TIME)
    assert json.loads(rows[4]["unknown_columns"]["odd"]) == {"a": 1}
    assert {row["batch_id"] for row in rows} == {"batch"}
    assert rows[-1]["source_file"] == "1-1.parquet"


def test_a_value_of_csv_is_one_record_by_the_columns_of_the_contract(
    spark: SparkSession, tmp_path: Path
) -> None:
    bronze = make_feed(tmp_path, delimiter=";").bronze
    header = value_header(bronze)
    good = ";".join(str(n) for n in range(len(header)))
    quoted = '"a;""b\nc"' + good[1:]
    values = [
        (good, None),
        (f"{good}\r\n", None),
        (quoted, None),
        (good + ";more", good + ";more"),
        ("1;2", "1;2"),
        (f"{good}\n{good}", f"{good}\n{good}"),
        ("", ""),
    ]
    texts: list[bytes | None] = [text.encode() for text, _ in values]
    texts += [None, b"\xff" + good.encode()]
    rows = read(spark, [taken(tmp_path, "c", texts, format="kafka_csv", header=header)], bronze)
    malformed = [text for _, text in values]
    assert [row["malformed_record"] for row in rows] == [*malformed, "null", "\ufffd" + good]
    first, second, third = ([row[c] for c in bronze.column_names] for row in rows[:3])
    assert first == second == [str(n) for n in range(len(header))]
    assert third == ['a;"b\nc', *first[1:]]
