from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from assay.contracts.columns import Column
from assay.contracts.load import all_contracts
from assay.contracts.model import Contract
from assay.errors import StackError
from assay.serving.migrations import DDL, migrate

if TYPE_CHECKING:
    from conftest import Database

LINEAGE = ["batch_id", "slice_id", "source_file", "record_number"]
TYPES = {"string": "text", "timestamp": "timestamp with time zone", "int": "integer"}
READABLE = [
    "gold.daily_trade_summary",
    "gold.daily_trade_summary_averages",
    "gold.customer_exposure",
    "serving.trade_event",
    "serving.trade_event_ingest_batch",
    "serving.stock_prices",
    "serving.stocks",
    "serving.mutual_funds",
    "gold.fund_holdings_value",
    "gold.company_coverage",
    "gold.company_without_counterpart",
    "gold.sector_totals",
    "gold.adjusted_prices",
    "serving.ecommerce_event",
    "serving.user_activity",
    "serving.events",
    "gold.hourly_product_activity_rates",
    "gold.daily_conversion_rates",
    "gold.daily_returns_shares",
    "gold.product_performance_rates",
    "ops.batch",
    "ops.current_release",
    "ops.migration",
]


def catalog_columns(connection: psycopg.Connection[Any], table: str) -> dict[str, tuple[Any, ...]]:
    rows = connection.execute(
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull, collname FROM pg_attribute"
        " LEFT JOIN pg_collation ON pg_collation.oid = attcollation"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        [table],
    ).fetchall()
    return {row[0]: row[1:] for row in rows}


def primary_key(connection: psycopg.Connection[Any], table: str) -> list[str]:
    rows = connection.execute(
        "SELECT attname FROM pg_constraint, unnest(conkey) WITH ORDINALITY AS key (attnum, place)"
        " JOIN pg_attribute USING (attnum)"
        " WHERE conrelid = %(table)s::regclass AND attrelid = conrelid AND contype = 'p'"
        " ORDER BY place",
        {"table": table},
    ).fetchall()
    return [name for (name,) in rows]


def expected_column(column: Column, *, key: bool) -> tuple[str, bool, str | None]:
    kind = column.type.replace("decimal", "numeric")
    collation = ("C" if key else "default") if column.type == "string" else None
    return TYPES.get(kind, kind), not column.nullable, collation


def test_migrating_twice_applies_each_file_once(empty_database: Database) -> None:
    with empty_database.connect("assay_owner") as connection:
        assert migrate(connection) == sorted(path.name for path in DDL.glob("*.sql"))
        assert migrate(connection) == []


def test_changed_applied_migration_is_refused_by_name(
    empty_database: Database, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(DDL, tmp_path / "ddl"))
    with empty_database.connect("assay_owner") as connection:
        migrate(connection, folder)
        changed = folder / "0002_ops.sql"
        changed.write_text(changed.read_text() + "-- afterthought\n")
        with pytest.raises(StackError, match=r"0002_ops\.sql was changed"):
            migrate(connection, folder)
        changed.unlink()
        with pytest.raises(StackError, match=r"0002_ops\.sql .* is gone"):
            migrate(connection, folder)


def test_failing_migration_leaves_nothing_and_can_be_tried_again(
    empty_database: Database, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(DDL, tmp_path / "ddl"))
    extra = folder / "9999_extra.sql"
    extra.write_text("CREATE TABLE ops.extra (id int); SELECT 1 / 0;")
    with empty_database.connect("assay_owner") as connection:
        with pytest.raises(psycopg.errors.DivisionByZero):
            migrate(connection, folder)
        extra.write_text("CREATE TABLE ops.extra (id int);")
        assert migrate(connection, folder) == ["9999_extra.sql"]


@pytest.mark.parametrize(
    "contract",
    [
        c
        for c in (*all_contracts("silver"), *all_contracts("gold"))
        if c.layer == "gold" or c.serving
    ],
    ids=lambda contract: contract.table,
)
def test_table_has_the_columns_of_its_contract(
    loader: psycopg.Connection[Any], contract: Contract
) -> None:
    table = contract.serving or contract.table
    lineage = LINEAGE if contract.layer == "silver" else []
    expected_table = loader.execute("SELECT to_regclass(%s)", [table]).fetchone()
    assert expected_table != (None,), f"neither a migration nor evolution makes {table}"
    columns = catalog_columns(loader, table)
    assert list(columns) == contract.column_names + lineage
    for column in contract.columns:
        expected = expected_column(column, key=column.name in contract.keys)
        assert columns[column.name] == expected, column.name
    assert primary_key(loader, table) == list(contract.keys)


def test_ingest_batch_view_has_the_columns_of_the_prior_system(
    loader: psycopg.Connection[Any],
) -> None:
    assert list(catalog_columns(loader, "serving.trade_event_ingest_batch")) == [
        "id",
        "file_name",
        "row_count",
        "created_dt",
        "ingest_status",
        "ingest_start_date_time",
        "ingest_end_date_time",
        "updated_dt",
        "concurrent_number",
    ]


def test_shares_of_the_returns_of_a_day_are_of_that_day_alone(
    loader: psycopg.Connection[Any],
) -> None:
    loader.execute(
        "INSERT INTO gold.daily_returns VALUES ('2026-01-01', 'other', 3, 3, 30),"
        " ('2026-01-01', 'quality_issue', 1, 9, 10), ('2026-01-02', 'other', 5, 5, 0)"
    )
    shares = loader.execute(
        "SELECT share_of_returns, share_of_amount FROM gold.daily_returns_shares"
        " ORDER BY return_date, reason_category"
    ).fetchall()
    quarter = Decimal("0.25")
    assert shares == [(3 * quarter, 3 * quarter), (quarter, quarter), (1, None)]


def test_reader_reads_what_is_released_and_writes_nothing(empty_database: Database) -> None:
    with empty_database.connect("assay_owner") as owner:
        migrate(owner)  # not the template: a copy lacks what was granted on the database itself
    with empty_database.connect("assay_loader", autocommit=True) as loader:
        loader.execute("CREATE UNLOGGED TABLE staging.rows_of_a_publish_under_way (id int)")
    with empty_database.connect("assay_reader", autocommit=True) as reader:
        for table in READABLE:
            reader.execute(f"TABLE {table}")
        for statement in (
            "DELETE FROM serving.trade_event",
            "UPDATE gold.customer_exposure SET trades = 0",
            "INSERT INTO ops.pipeline_lease VALUES ('trades', 1, 'me')",
            "CREATE TABLE gold.mine (id int)",
            "CREATE TABLE staging.mine (id int)",
            "CREATE TABLE public.mine (id int)",
            "CREATE TEMP TABLE mine (id int)",
            "TABLE staging.rows_of_a_publish_under_way",  # what is not released yet
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(statement)


def test_loader_makes_tables_in_staging_only(loader: psycopg.Connection[Any]) -> None:
    loader.execute("CREATE UNLOGGED TABLE staging.mine (id int)")
    for statement in (
        "CREATE TABLE serving.mine (id int)",
        "CREATE TABLE ops.mine (id int)",
        "TRUNCATE serving.trade_event",
        "ALTER TABLE gold.customer_exposure DROP COLUMN trades",
        "DROP INDEX serving.trade_event_by_customer",
        "INSERT INTO ops.deferred_index VALUES ('ops.batch', 'DROP TABLE ops.batch')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            loader.execute(statement)


def test_later_tables_follow_the_default_privileges(database: Database) -> None:
    with database.connect("assay_owner", autocommit=True) as owner:
        owner.execute("CREATE TABLE gold.later (id int)")
    with database.connect("assay_loader", autocommit=True) as connection:
        connection.execute("INSERT INTO gold.later VALUES (1)")
    with database.connect("assay_reader", autocommit=True) as reader:
        assert reader.execute("SELECT id FROM gold.later").fetchall() == [(1,)]


def test_row_ledger_refuses_a_file_that_does_not_balance(
    loader: psycopg.Connection[Any],
) -> None:
    loader.execute(
        "INSERT INTO ops.batch (batch_id, pipeline, run_id, run_type, batch_date, state, source,"
        " generation) VALUES ('b1', 'trades', 'r', 'manual', '2026-01-01', 'RUNNING', 'files', 1)"
    )
    with pytest.raises(psycopg.errors.CheckViolation, match="row_ledger_balances"):
        loader.execute(
            "INSERT INTO ops.row_ledger VALUES ('b1', 'trades', 1, 'f1', 10, 5, 1, 1, 1, 1)"
        )


def test_stocks_are_the_latest_prices(loader: psycopg.Connection[Any]) -> None:
    quotes = [(1, "09:00", 10), (1, "11:00", 30), (1, "10:00", 20), (2, "09:00", 40)]
    for stock, time, price in quotes:
        loader.execute(
            "INSERT INTO serving.stock_prices VALUES"
            " (%s, 7, 'S', %s, 1, %s, NULL, NULL, 'b', 'f', 'f.jsonl', 1)",
            [stock, price, f"2026-01-01 {time}Z"],
        )
    latest = loader.execute("SELECT stock_id, price FROM serving.stocks ORDER BY 1").fetchall()
    assert latest == [(1, 30), (2, 40)]


def test_companies_without_counterpart_are_visible(loader: psycopg.Connection[Any]) -> None:
    loader.execute("INSERT INTO gold.company_coverage VALUES (1,1,2,1,5), (2,0,0,1,5), (3,1,1,0,0)")
    query = "SELECT company_id, missing FROM gold.company_without_counterpart ORDER BY 1"
    found = loader.execute(query).fetchall()
    assert found == [(2, "fund without stock"), (3, "stock without fund")]


ATTACK = """
    CREATE FUNCTION staging.f() RETURNS int LANGUAGE plpgsql VOLATILE AS $$BEGIN
        EXECUTE 'GRANT ALL ON ALL TABLES IN SCHEMA ops, gold, serving TO assay_reader';
        RETURN 1;
    END$$;
    GRANT EXECUTE ON FUNCTION staging.f() TO PUBLIC;
    CREATE VIEW staging.v AS SELECT 1 AS x WHERE staging.f() = 1;
    CREATE TABLE staging.t (x int DEFAULT staging.f());
    GRANT SELECT ON staging.v, staging.t TO assay_owner"""


@pytest.mark.parametrize("target", ["staging.v", "staging.t", "ops.batch", "ops.quarantine_open"])
def test_loader_does_not_become_owner_by_the_functions_of_the_owner(
    loader: psycopg.Connection[Any], database: Database, target: str
) -> None:
    loader.execute(ATTACK)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="is not a table of gold or"):
        loader.execute("SELECT ops.defer_indexes(%s)", [target])
    with (
        database.connect("assay_reader") as reader,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        reader.execute("DELETE FROM serving.trade_event")


def test_every_function_of_the_owner_is_closed_to_others(
    loader: psycopg.Connection[Any],
) -> None:
    """Each pins its search_path, and only the two that the loader needs are granted to it."""
    found = loader.execute(
        "SELECT proname, proconfig::text, has_function_privilege('assay_loader', oid, 'EXECUTE'),"
        " has_function_privilege('assay_reader', oid, 'EXECUTE')"
        " FROM pg_proc WHERE proowner = 'assay_owner'::regrole ORDER BY 1"
    ).fetchall()
    pinned = '{"search_path=pg_catalog, pg_temp"}'
    assert found == [
        ("build_deferred_indexes", pinned, True, False),
        ("build_index_at_commit", pinned, False, False),
        ("defer_indexes", pinned, True, False),
    ]


def test_an_index_that_was_deferred_comes_back_without_being_asked_for(
    loader: psycopg.Connection[Any],
) -> None:
    plain = "SELECT count(*) FROM pg_indexes WHERE indexname = 'trade_event_by_customer'"
    with loader.transaction():
        loader.execute("SELECT ops.defer_indexes('serving.trade_event')")
        assert loader.execute(plain).fetchone() == (0,)
    assert loader.execute(plain).fetchone() == (1,)


def test_quarantine_of_a_home_from_before_is_told_by_dataset(
    empty_database: Database, tmp_path: Path
) -> None:
    """Also of a replayed row that a rebuild has found good, and so is in no table any more."""
    folder = Path(shutil.copytree(DDL, tmp_path / "ddl"))
    later = [path for path in folder.glob("*.sql") if path.name >= "0012"]
    kept = {path: path.read_text() for path in later}
    for path in later:
        path.unlink()
    with empty_database.connect("assay_owner", autocommit=True) as connection:
        migrate(connection, folder)
        connection.execute(
            "INSERT INTO ops.batch (batch_id, pipeline, run_id, run_type, batch_date, state,"
            " source, generation)"
            " SELECT b, 'finance', b, 'manual', '2026-01-01', 'PUBLISHED', 'files', 1"
            " FROM unnest('{b1,b2}'::text[]) AS b"
        )
        connection.execute(
            "INSERT INTO ops.row_ledger VALUES ('b1', 'stocks', 1, 'f', 9, 9, 0, 0, 0, 0),"
            " ('b1', 'mutual_funds', 1, 'f', 9, 0, 0, 0, 0, 9)"
        )
        connection.execute(
            "INSERT INTO ops.quarantine_row VALUES"
            " ('f:1', 'mutual_funds', 'b1', 1, 'f', 'x.jsonl', 1, '{a.b}', '{}')"
        )
        connection.execute(
            "INSERT INTO ops.quarantine_movement VALUES"
            " ('f:1', 'b1', NULL, 'waived', 'a', now(), 'w'),"
            " ('f:2', 'b1', 'b2', 'replayed', 'a', now(), 'w')"
        )
        for path, content in kept.items():
            path.write_text(content)
        migrate(connection, folder)
        moved = "SELECT DISTINCT dataset FROM ops.quarantine_movement"
        assert connection.execute(moved).fetchall() == [("mutual_funds",)]
        connection.execute(
            "INSERT INTO ops.quarantine_row VALUES"
            " ('f:1', 'stocks', 'b1', 1, 'f', 'x.jsonl', 1, '{a.b}', '{}')"
        )
        still_open = "SELECT dataset, row_id FROM ops.quarantine_open"
        assert connection.execute(still_open).fetchall() == [("stocks", "f:1")]
