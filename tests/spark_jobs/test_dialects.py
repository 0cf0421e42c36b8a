"""Acceptance, Spark and auditor read a file in any dialect as the same records and values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from assay.contracts.dialect import Dialect
from assay.verify.evidence import exact
from assay.verify.records import read_records
from assay.verify.rounding import add_rounding
from assay.verify.text import typed
from builders.batches import take
from builders.feeds import DIALECTS, HEADER, RECORDS, Feed, as_csv, make_feed, name_of
from spark_jobs.lakehouse.accepted_files import read_files
from spark_jobs.transformations.conform import conform

USUAL = Dialect()
# Every mark in one encoding, and every encoding with one pair of marks.
READ_BY_SPARK = [
    dialect
    for dialect in DIALECTS
    if (dialect.encoding, dialect.header) == (USUAL.encoding, USUAL.header)
    or (dialect.quote, dialect.delimiter) == ("'", ";")
]
EUROPEAN: dict[str, Any] = {
    "delimiter": ";",
    "encoding": "cp1252",
    "decimal": ",",
    "thousands": ".",
    "date_formats": ["dd/MM/yyyy", "dd/MM/yyyy HH:mm"],
    "null_values": ["k. A."],
    "true_values": ["Ja"],
    "false_values": ["Nein"],
}


@dataclass
class Reading:
    """One file as all three have read it."""

    counted: int
    bronze: DataFrame
    judged: DataFrame
    audited: list[dict[str, str | None]]

    def rows(self, *columns: str) -> list[Row]:
        return self.judged.orderBy("record_number").select(*columns).collect()


def read(spark: SparkSession, home: Path, feed: Feed, content: bytes) -> Reading:
    path = home / "sales.csv"
    path.write_bytes(content)
    file = take(home, path, contract=feed.bronze)
    bronze = read_files(spark, [file], feed.bronze, "batch")
    batches = read_records(path, feed.bronze)
    audited = [row for batch in batches for row in batch.to_pylist()]
    return Reading(file.records, bronze, conform(bronze, feed.silver), audited)


def assert_all_agree(reading: Reading, feed: Feed) -> None:
    """On the number of records, on texts of those that are not malformed, on values of good ones.

    In quotes Spark ends a line as it is ended outside.
    """
    names = feed.bronze.column_names
    stored = reading.bronze.orderBy("record_number").collect()
    assert reading.counted == len(stored) == len(reading.audited)
    assert [row["record_number"] for row in stored] == [*range(1, len(stored) + 1)]
    for row, audited in zip(stored, reading.audited, strict=True):
        if row["malformed_record"] is None:
            texts = [(audited[name] or "").replace("\r\n", "\n") for name in names]
            assert [(row[name] or "").replace("\r\n", "\n") for name in names] == texts
    good = reading.judged.where(F.size("reasons") == 0).select("record_number", *names).toArrow()
    texts_of_bronze = reading.bronze.select("record_number", *names).toArrow()
    assert differing(feed, texts_of_bronze, good) == []


def differing(feed: Feed, texts: pa.Table, good: pa.Table) -> list[Any]:
    columns = feed.silver.columns
    values = ", ".join(f'{typed(c, feed.silver, feed.bronze)} AS "{c.name}"' for c in columns)
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        add_rounding(database)
        database.register("texts", texts)
        database.register("good", good)
        query = f"""
            SELECT record_number, {exact(columns)} FROM good
            EXCEPT SELECT record_number, {values} FROM texts
        """  # noqa: S608  # names of the contract
        return database.execute(query).fetchall()


@pytest.mark.parametrize("dialect", READ_BY_SPARK, ids=name_of)
def test_every_dialect_is_read_alike(spark: SparkSession, tmp_path: Path, dialect: Dialect) -> None:
    feed = make_feed(tmp_path, **asdict(dialect))
    reading = read(spark, tmp_path, feed, as_csv(RECORDS, dialect))
    assert_all_agree(reading, feed)
    assert reading.counted == len(RECORDS)
    rows = reading.bronze.orderBy("record_number").select(*feed.bronze.column_names).collect()
    told = [[(text or "").replace("\r\n", "\n") for text in row] for row in rows]
    assert told == [[text.replace("\r\n", "\n") for text in record] for record in RECORDS]
    assert {(*row["reasons"],) for row in reading.rows("reasons")} == {()}


def test_semicolons_decimal_commas_and_days_first_in_cp1252(
    spark: SparkSession, tmp_path: Path
) -> None:
    feed = make_feed(tmp_path, **EUROPEAN)
    lines = [
        ";".join(HEADER),
        "1;Köln €;1.234,50;1.000;31/01/2026;01/02/2026 09:05;Ja",
        '2;"„Süd“;\r\nŒst™";-0,5;k. A.;k. A.;31/12/2026;Nein',
        "3;;1234.5;12;01/31/2026;31/01/2026 10:00;true",
        "4;zu kurz;1",
        "5;k. A.;12,345;1,5;2026-01-31;31/01/2026;",
    ]
    reading = read(spark, tmp_path, feed, ("\r\n".join(lines) + "\r\n").encode("cp1252"))
    assert_all_agree(reading, feed)
    columns = ("city", "amount", "pieces", "sold_on", "sold_at", "is_paid")
    first, second, *_ = [[*map(str, row)] for row in reading.rows(*columns)]
    assert first == ["Köln €", "1234.50", "1000", "2026-01-31", "2026-02-01 09:05:00", "True"]
    assert second[0].replace("\r\n", "\n") == "„Süd“;\nŒst™"
    assert second[1:] == ["-0.50", "None", "None", "2026-12-31 00:00:00", "False"]
    assert [row["reasons"] for row in reading.rows("reasons")] == [
        [],
        [],
        ["amount.unparseable", "sold_on.unparseable", "is_paid.unparseable"],
        ["record.malformed"],
        ["amount.unparseable", "pieces.unparseable", "sold_on.unparseable"],
    ]
    assert reading.rows("raw")[3]["raw"] == "4;zu kurz;1"


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_by_its_byte_order_mark(spark: SparkSession, tmp_path: Path, codec: str) -> None:
    feed = make_feed(tmp_path, encoding="utf-16", delimiter="\t")
    records = [*RECORDS, ["7", "\U0001f600 \u0a0a\u0d0d \u2028", *RECORDS[0][2:]]]
    dialect = Dialect("\t", encoding=codec)
    content = "\ufeff".encode(codec) + as_csv(records, dialect)
    reading = read(spark, tmp_path, feed, content)
    assert_all_agree(reading, feed)
    assert [row["sale_id"] for row in reading.rows("sale_id")] == [*map(str, range(8))]
    assert reading.rows("city")[7]["city"] == "\U0001f600 \u0a0a\u0d0d"


def test_columns_go_by_position_where_there_is_no_header(
    spark: SparkSession, tmp_path: Path
) -> None:
    feed = make_feed(tmp_path, header=False)
    second, first, *_ = RECORDS  # the first of the file has a line break in it
    records = [first, second[:3], [*second, "more"], HEADER, second]
    reading = read(spark, tmp_path, feed, as_csv(records, Dialect(header=False)))
    assert_all_agree(reading, feed)
    assert [row["reasons"] for row in reading.rows("reasons")] == [
        [],
        ["record.malformed"],
        ["record.malformed"],
        ["record.repeated_header"],
        [],
    ]
    (row, *_) = reading.rows("sale_id", "city")
    assert (row["sale_id"], row["city"].replace("\r\n", "\n")) == (
        "1",
        first[1].replace("\r\n", "\n"),
    )


def test_a_patch_is_read_by_its_header_where_other_files_have_none(
    spark: SparkSession, tmp_path: Path
) -> None:
    feed = make_feed(tmp_path, header=False)
    patch, plain = tmp_path / "patch-1.csv", tmp_path / "a.csv"
    patch.write_text("row_id,city,SaleId,amount\nf:1,x,9,1\n")
    plain.write_bytes(as_csv(RECORDS, Dialect(header=False)))
    files = [take(tmp_path, path, contract=feed.bronze) for path in (patch, plain)]
    rows = read_files(spark, files, feed.bronze, "batch").where("source_file = 'patch-1.csv'")
    (row,) = rows.select("sale_id", "city", "amount", "unknown_columns").collect()
    assert row == ("9", "x", "1", {"row_id": "f:1"})
    assert read_files(spark, files, feed.bronze, "batch").count() == len(RECORDS) + 1
