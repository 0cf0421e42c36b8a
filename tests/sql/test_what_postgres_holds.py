"""What silver lets through fits Postgres: its indexes, its numbers, and no check of its own."""

from __future__ import annotations

import secrets
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from assay.contracts.columns import Column
from assay.contracts.load import all_contracts, load_contract
from assay.contracts.model import Contract
from assay.contracts.table_faults import INDEX_ROW_BYTES
from assay.intake.filenames import file_date
from assay.serving.migrations import DDL, migrate
from gold.product_performance.build import PRODUCT
from spark_jobs.transformations.silver.stocks import TURNOVER_BELOW

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Database

ROWS = 10**9
BIGINT = 2**63 - 1
# Made by the pipeline: names of a known form.
LINEAGE = {"batch_id": 200, "slice_id": 64}
SERVED = [c for c in (*all_contracts("silver"), *all_contracts("gold")) if c.serving or c.datasets]
INDEXED = """
    SELECT index.indexrelid::regclass::text, attribute.attname
    FROM pg_index AS index
    JOIN pg_class AS made ON made.oid = index.indexrelid
    JOIN pg_am AS method ON method.oid = made.relam AND method.amname <> 'brin'
    JOIN pg_depend AS uses ON uses.objid = index.indexrelid AND uses.refobjid = index.indrelid
    JOIN pg_attribute AS attribute
      ON attribute.attrelid = index.indrelid AND attribute.attnum = uses.refobjsubid
    WHERE index.indrelid = %(table)s::regclass
    UNION
    SELECT index.indexrelid::regclass::text, attribute.attname
    FROM pg_index AS index
    JOIN pg_attribute AS attribute
      ON attribute.attrelid = index.indrelid AND attribute.attnum = ANY(index.indkey)
    WHERE index.indrelid = %(table)s::regclass AND index.indisunique
"""


def table_of(contract: Contract) -> str:
    return contract.serving or contract.table


def indexes_of(connection: psycopg.Connection[Any], table: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for index, column in connection.execute(INDEXED, {"table": table}).fetchall():
        found[index].add(column)
    return found


def longest(column: Column) -> int:
    """Bytes of the longest text that a good record can have there; raises when nothing says it."""
    if column.type != "string":
        return 0
    if column.allowed or column.categories:
        return max(len(value) for value in (*column.allowed, *column.categories.values()))
    assert column.max_length is not None, f"{column.name} is in an index and has no max_length"
    return column.max_length


@pytest.mark.parametrize("contract", SERVED, ids=lambda contract: contract.table)
def test_every_text_of_an_index_has_a_greatest_length(
    loader: psycopg.Connection[Any], contract: Contract
) -> None:
    bounds = {c.name: c for c in contract.columns}
    indexes = indexes_of(loader, table_of(contract))
    assert {*contract.keys} in indexes.values()
    for index, names in indexes.items():
        sizes = [LINEAGE[n] if n in LINEAGE else longest(bounds[n]) for n in names]
        assert sum(sizes) <= INDEX_ROW_BYTES, index


def test_index_on_a_text_without_a_bound_is_found(database: Database) -> None:
    contract = load_contract("silver", "mutual_funds")
    with database.connect("assay_owner", autocommit=True) as owner:
        owner.execute("CREATE INDEX by_name ON serving.mutual_funds (lower(name))")
        with pytest.raises(AssertionError, match="name is in an index and has no max_length"):
            test_every_text_of_an_index_has_a_greatest_length(owner, contract)


@pytest.mark.parametrize("contract", SERVED, ids=lambda contract: contract.table)
def test_longest_texts_fit_every_index_of_their_table(
    loader: psycopg.Connection[Any], contract: Contract
) -> None:
    row: dict[str, Any] = {c.name: plain_value(c) for c in contract.columns}
    if contract.layer == "silver":
        row |= {name: secrets.token_hex(size)[:size] for name, size in LINEAGE.items()}
        row |= {"source_file": "f", "record_number": 1}
    insert(loader, table_of(contract), row)
    key = next((c for c in contract.columns if c.name in contract.keys and c.max_length), None)
    if key:
        with pytest.raises(psycopg.errors.ProgramLimitExceeded):
            insert(loader, table_of(contract), row | {key.name: secrets.token_urlsafe(6000)})


def plain_value(column: Column) -> Any:
    if column.type == "string":  # random, so that Postgres cannot make it shorter
        size = column.max_length or 10
        return secrets.token_urlsafe(size)[:size]
    times = {"date": "9999-12-31", "timestamp": "9999-12-31 23:59:59.999999Z"}
    return times.get(column.type, 1)


def insert(connection: psycopg.Connection[Any], table: str, row: dict[str, Any]) -> None:
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(*table.split(".")),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() * len(row)),
        ),
        [*row.values()],
    )


def test_a_key_of_gold_is_as_long_as_the_text_that_it_is_made_of() -> None:
    for gold in all_contracts("gold"):
        for dataset in gold.datasets:
            silver = {c.name: c for c in load_contract("silver", dataset).columns}
            for column in gold.columns:
                renamed = PRODUCT[dataset] if column.name == "product_id" else column.name
                source = silver.get(renamed)
                if column.name in gold.keys and column.type == source_type(source) == "string":
                    assert source
                    assert longest(source) <= longest(column), (gold.table, column.name)


def source_type(column: Column | None) -> str:
    return column.type if column else ""


def test_sums_over_a_thousand_million_rows_fit() -> None:
    """A bound times 10^9 fits a bigint, or the decimal that gold sums it up in.

    Where gold has a row for each row of silver, only the total of the table counts: decimal(38).
    """
    for silver in all_contracts("silver"):
        for gold in all_contracts("gold"):
            for total, name in gold.totals_of(silver.name).items():
                if name == "rows":
                    continue
                summed = next(c for c in gold.columns if c.name == total)
                source = next(c for c in silver.columns if c.name == name)
                assert greatest(source) * ROWS <= Decimal(10) ** (38 - scale(source))
                if gold.keys != silver.keys:
                    assert greatest(source) * ROWS <= greatest_of_type(summed), (gold.table, total)
        for column in silver.columns:
            if column.money and column.type in ("int", "bigint"):
                assert greatest(column) * ROWS <= BIGINT, (silver.table, column.name)
    turnover = next(c for c in load_contract("gold", "sector_totals").columns if "turn" in c.name)
    assert Decimal(10) ** (28 - turnover.scale) >= TURNOVER_BELOW * ROWS


def scale(column: Column) -> int:
    return column.scale if column.is_decimal else 0


def greatest(column: Column) -> Decimal:
    bound = greatest_of_type(column)
    return min(bound, Decimal(column.maximum)) if column.maximum else bound


def greatest_of_type(column: Column) -> Decimal:
    if column.is_decimal:
        precision = int(column.type[len("decimal(") :].split(",")[0])
        return Decimal(10) ** (precision - column.scale)
    return Decimal({"int": 2**31 - 1, "bigint": BIGINT}[column.type])


def test_postgres_has_no_vocabulary_or_bound_of_its_own(loader: psycopg.Connection[Any]) -> None:
    found = loader.execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint"
        " WHERE contype = 'c' AND connamespace IN ('serving'::regnamespace, 'gold'::regnamespace)"
    ).fetchall()
    assert found == [], "a contract's change must be the one place; silver and `stage` judge by it"


def test_files_of_before_get_their_day_and_place(empty_database: Database, tmp_path: Path) -> None:
    for path in sorted(DDL.glob("*.sql")):
        if path.name < "0016":
            (tmp_path / path.name).write_text(path.read_text())
    names = {
        "a/2026-01-03/x_2026-02-30_2026-01-05.csv": "2026-01-05",
        "x12026-01-05.csv": "2026-03-01",
        "plain.csv": "2026-03-01",
    }
    with empty_database.connect("assay_owner", autocommit=True) as owner:
        migrate(owner, tmp_path)
        owner.execute(
            "INSERT INTO ops.batch (batch_id, pipeline, run_id, run_type, batch_date, state,"
            " source, generation) VALUES ('b', 'p', 'r', 'manual', '2026-01-01', 'RUNNING',"
            " 'files', 1)"
        )
        for minute, name in enumerate(reversed(names)):
            owner.execute(
                "INSERT INTO ops.batch_file (batch_id, dataset, format, file_id, source_file,"
                " verdict, reason, records, size_bytes, header, location, seen_at)"
                " VALUES ('b', 'd', 'csv', %s, %s, 'accepted', '', 1, 1, '{}', '', %s)",
                [name, name, f"2026-03-01T23:{minute:02}:00Z"],
            )
        migrate(owner)
        found = owner.execute(
            "SELECT source_file, slice_date::text FROM ops.batch_slice ORDER BY delivery_number"
        ).fetchall()
        insert(
            owner,
            "ops.batch_slice",
            {
                **dict.fromkeys(("slice_id", "source_file"), "new"),
                **{"batch_id": "b", "dataset": "d", "format": "csv", "verdict": "accepted"},
                **{"reason": "", "records": 1, "size_bytes": 1, "header": [], "location": ""},
                **{"slice_date": "2026-01-01", "kind": "file"},
            },
        )
        last = owner.execute("SELECT max(delivery_number) FROM ops.batch_slice").fetchone()
    assert found == [*reversed(names.items())]
    assert last == (len(names) + 1,)
    midnight = 1772409599  # the last second of 2026-03-01
    assert [file_date(name.rpartition("/")[2], midnight) for name in names] == [*names.values()]
