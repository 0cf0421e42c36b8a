from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from assay.contracts.load import load_contract
from assay.errors import ExportError
from assay.operations.export import export_release, export_table
from assay.publish.staging import arrow_schema
from assay.settings import Settings, load_settings
from builders.ledger_rows import release, start_batch
from builders.published_lake import IN_LAKE

if TYPE_CHECKING:
    from conftest import Database

EXPOSURE, ADJUSTED = "gold.customer_exposure", "gold.adjusted_prices"
Row = dict[str, Any]


def exposure(customer: str, cost: str = "-1.50") -> Row:
    return {
        "customer_id": customer,
        "to_currency": "INR",
        "trades": 3,
        "to_cost": Decimal(cost),
        "last_trade_day": date(2026, 1, 5),
    }


def quote(stock: int, price: str) -> Row:
    return {
        "stock_id": stock,
        "stock_timestamp": datetime(2026, 1, 1, 9, 30, 0, 250000, tzinfo=UTC),
        "symbol": "-NULL",
        "volume": -1,
        "price": Decimal(price),
        "price_adjusted": Decimal(price) * Decimal("0.97"),
    }


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"ASSAY_HOME": str(tmp_path / "home")})


def write(settings: Settings, table: str, *rows: Row) -> int:
    """Make these the rows of a Delta table; return its version."""
    layer, name = table.split(".")
    path = settings.lake / layer / name
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = arrow_schema(load_contract(layer, name).columns)  # type: ignore[arg-type]
    write_deltalake(str(path), pa.Table.from_pylist([*rows], schema=schema), mode="overwrite")
    return DeltaTable(str(path)).version()


def release_gold(connection: psycopg.Connection[Any], pipeline: str, **versions: int) -> int:
    """Record a release of tables of gold."""
    named = {f"gold.{name}": version for name, version in versions.items()}
    batch_id = f"batch of {named}"
    start_batch(connection, batch_id, "PUBLISHED", pipeline=pipeline)
    made = release(connection, batch_id, named, pipeline)
    return made.release_id


def test_export_reads_the_version_that_a_release_names(
    settings: Settings, loader: psycopg.Connection[Any], database: Database, tmp_path: Path
) -> None:
    first = release_gold(
        loader, "trades", customer_exposure=write(settings, EXPOSURE, exposure("a"))
    )
    second = release_gold(
        loader, "trades", customer_exposure=write(settings, EXPOSURE, exposure("b"))
    )
    other = release_gold(loader, "finance", adjusted_prices=0)
    write(settings, EXPOSURE, exposure("committed, not released"))

    def exported(as_of: int | None) -> tuple[int, list[str]]:
        with database.connect("assay_reader") as reader:
            done = export_table(settings, reader, EXPOSURE, "parquet", tmp_path, as_of=as_of)
        rows = pq.read_table(done.path).to_pylist()
        assert done.rows == len(rows)
        return done.release_id, [row["customer_id"] for row in rows]

    assert exported(None) == (second, ["b"])
    assert exported(first) == (first, ["a"])
    assert exported(other) == (second, ["b"]), "a release of another pipeline is a moment too"


def test_csv_disarms_formulas_in_texts_and_leaves_numbers_alone(
    settings: Settings, loader: psycopg.Connection[Any], tmp_path: Path
) -> None:
    dangerous = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"]
    safe = ["plain", "a=b", 'with "quotes", and\nlines', ""]
    rows = [exposure(text) for text in [*dangerous, *safe]]
    release_gold(loader, "trades", customer_exposure=write(settings, EXPOSURE, *rows))
    done = export_table(settings, loader, EXPOSURE, "csv", tmp_path)
    with done.path.open(newline="") as file:
        found = list(csv.DictReader(file))
    shown = sorted(row["customer_id"] for row in found)
    assert shown == sorted([*(f"'{text}" for text in dangerous), *safe])
    assert {row["to_cost"] for row in found} == {"-1.50"}
    assert {row["last_trade_day"] for row in found} == {"2026-01-05"}


def test_every_format_has_the_same_exact_values(
    settings: Settings, loader: psycopg.Connection[Any], tmp_path: Path
) -> None:
    version = write(settings, ADJUSTED, quote(1, "0.0000"), quote(2, "0.0001"), quote(3, "100"))
    release_gold(loader, "finance", adjusted_prices=version)
    csv_file, parquet, jsonl = (
        export_table(settings, loader, ADJUSTED, form, tmp_path).path
        for form in ("csv", "parquet", "jsonl")
    )
    with csv_file.open(newline="") as file:
        in_csv = [*csv.DictReader(file)]
    in_json = [json.loads(line) for line in jsonl.read_text().splitlines()]
    prices = ["0.00000000", "0.00009700", "97.00000000"]
    assert [row["price_adjusted"] for row in in_csv] == prices
    assert [row["price_adjusted"] for row in in_json] == prices
    assert pq.read_table(parquet)["price_adjusted"].to_pylist() == [*map(Decimal, prices)]
    moments = {row["stock_timestamp"] for row in [*in_csv, *in_json]}
    assert moments == {"2026-01-01T09:30:00.250Z"}
    assert {row["volume"] for row in in_csv} == {"-1"}
    assert in_json[0]["symbol"] == "-NULL", "only CSV is opened by spreadsheets"
    assert sorted(tmp_path.glob("gold*")) == sorted([csv_file, parquet, jsonl])


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_an_export_of_silver_names_the_slice_of_each_row(
    settings: Settings, loader: psycopg.Connection[Any], tmp_path: Path, form: str
) -> None:
    """The lake has it under a name of its own."""
    path = settings.lake / "silver" / "mutual_funds"
    path.parent.mkdir(parents=True)
    lineage = {"batch_id": "b", "file_id": "c0ffee", "source_file": "x.jsonl", "record_number": 7}
    schema = arrow_schema((*load_contract("silver", "mutual_funds").columns, *IN_LAKE))
    row = dict.fromkeys(schema.names) | lineage
    write_deltalake(str(path), pa.Table.from_pylist([row], schema=schema))
    start_batch(loader, "b", "PUBLISHED", pipeline="finance")
    release(loader, "b", {"silver.mutual_funds": 0}, "finance")
    done = export_table(settings, loader, "silver.mutual_funds", form, tmp_path).path
    if form == "parquet":
        (found,) = pq.read_table(done).to_pylist()
    elif form == "csv":
        (found,) = csv.DictReader(done.read_text().splitlines())
    else:
        (found,) = map(json.loads, done.read_text().splitlines())
    assert [*found][-4:] == ["batch_id", "slice_id", "source_file", "record_number"]
    assert (found["slice_id"], int(found["record_number"])) == ("c0ffee", 7)


def test_release_is_exported_with_all_its_gold_tables(
    settings: Settings, loader: psycopg.Connection[Any], tmp_path: Path
) -> None:
    tables = {
        "customer_exposure": write(settings, EXPOSURE, exposure("a")),
        "adjusted_prices": write(settings, ADJUSTED, quote(1, "100")),
    }
    number = release_gold(loader, "mixed", **tables)
    done = export_release(settings, loader, "mixed", number, "jsonl", tmp_path)
    assert [(one.table, one.rows) for one in done] == [(ADJUSTED, 1), (EXPOSURE, 1)]
    with pytest.raises(ExportError, match=rf"release {number}: no such release of trades"):
        export_release(settings, loader, "trades", number, "jsonl", tmp_path)


def test_what_cannot_be_exported_is_named_with_the_remedy(
    settings: Settings, loader: psycopg.Connection[Any], tmp_path: Path
) -> None:
    def export(table: str = EXPOSURE, form: str = "csv", as_of: int | None = None) -> None:
        export_table(settings, loader, table, form, tmp_path / "out", as_of=as_of)

    with pytest.raises(ExportError, match=r"gold\.x: no such table; there are .*gold\.customer_ex"):
        export("gold.x")
    with pytest.raises(ExportError, match="format 'xlsx': must be one of csv, parquet, jsonl"):
        export(form="xlsx")
    with pytest.raises(ExportError, match="not in any release yet; run its DAG first"):
        export()
    with pytest.raises(ExportError, match="release 99: no such release"):
        export(as_of=99)
    version = write(settings, EXPOSURE, exposure("a"))
    release_gold(loader, "trades", customer_exposure=version)
    for file in (settings.lake / "gold" / "customer_exposure").glob("*.parquet"):
        file.unlink()
    with pytest.raises(ExportError, match=f"version {version}, which .* cannot be read"):
        export()
    release_gold(loader, "trades", customer_exposure=version + 7)
    with pytest.raises(ExportError, match=f"version {version + 7}, which .* cannot be read"):
        export()
    assert not [*(tmp_path / "out").iterdir()], "a failed export leaves no file"
