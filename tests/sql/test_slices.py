"""Slices in the books: what a home of before becomes, and who may claim one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from assay.batch.slices import SLICES
from assay.batch.states import HOLDS_NOTHING, BatchState
from assay.errors import BatchError
from assay.ledger import Delivery, batch_holding, deliveries, record_deliveries
from assay.serving.migrations import DDL, migrate

if TYPE_CHECKING:
    from conftest import Database

BATCH = """
    INSERT INTO ops.batch (batch_id, pipeline, run_id, run_type, batch_date, state, source,
                           generation)
    VALUES (%s, %s, %s, 'manual', '2026-01-01', %s, 'files', 1)
"""
FILE_OF_BEFORE = """
    INSERT INTO ops.batch_file (batch_id, dataset, format, file_id, source_file, verdict, reason,
                                records, size_bytes, header, location, slice_date)
    VALUES (%s, 'trades', 'csv', %s, 'a.csv', %s, '', 1, 1, '{}', '', '2026-01-01')
"""
ROOM = "0019a_own_column_slice_id.sql"
CONTENT = "c0ffee"
TAKEN = Delivery("trades", "a.csv", CONTENT, "accepted", records=1)


def add_batch(
    connection: psycopg.Connection[Any], name: str, state: str = "RUNNING", pipeline: str = "trades"
) -> None:
    connection.execute(BATCH, [name, pipeline, name, state])


@contextmanager
def migrated_before(
    database: Database, folder: Path, name: str
) -> Iterator[psycopg.Connection[Any]]:
    """The owner's connection to a database with the migrations before this one."""
    for path in DDL.glob("*.sql"):
        if path.name < name:
            (folder / path.name).write_text(path.read_text())
    with database.connect("assay_owner", autocommit=True) as connection:
        migrate(connection, folder)
        yield connection


@pytest.fixture
def before(empty_database: Database, tmp_path: Path) -> Iterator[psycopg.Connection[Any]]:
    """The owner's connection to a database from before there were slices."""
    with migrated_before(empty_database, tmp_path, "0020") as connection:
        yield connection


@pytest.fixture
def before_own_slice_id(
    empty_database: Database, tmp_path: Path
) -> Iterator[psycopg.Connection[Any]]:
    """The same, and from before there was room for them."""
    with migrated_before(empty_database, tmp_path, ROOM) as connection:
        yield connection


def test_files_of_before_are_slices_of_kind_file(
    before: psycopg.Connection[Any], empty_database: Database
) -> None:
    for name, state, verdict in (
        ("given_up", "ABANDONED", "accepted"),
        ("taken", "PUBLISHED", "accepted"),
        ("again", "EMPTY", "duplicate"),
    ):
        add_batch(before, name, state)
        before.execute(FILE_OF_BEFORE, [name, CONTENT, verdict])
    before.execute(
        "INSERT INTO ops.row_ledger VALUES ('taken', 'trades', 1, %s, 2, 1, 0, 0, 0, 1)", [CONTENT]
    )
    before.execute(
        "INSERT INTO ops.quarantine_row VALUES"
        " (%s, 'trades', 'taken', 1, %s, 'a.csv', 2, '{a.b}', '{}')",
        [f"{CONTENT}:2", CONTENT],
    )
    before.execute(
        "INSERT INTO serving.stock_prices VALUES (1, 7, 'S', 9, 1, '2026-01-01 09:00Z', NULL, NULL,"
        " 'taken', %s, 'f.jsonl', 1)",
        [CONTENT],
    )
    before.execute("CREATE TABLE serving.of_this_home (id int PRIMARY KEY, file_id text NOT NULL)")
    before.execute(
        "CREATE SCHEMA ann CREATE VIEW prices AS SELECT file_id FROM serving.stock_prices"
    )
    with empty_database.connect("assay_loader", autocommit=True) as loader:
        loader.execute("CREATE UNLOGGED TABLE staging.stock_prices_7 (file_id text)")
    migrate(before)

    def ask(query: str) -> list[tuple[Any, ...]]:
        return before.execute(query).fetchall()

    kept = "SELECT batch_id, slice_id, kind, batch_is_live FROM ops.batch_slice"
    assert ask(f"{kept} ORDER BY delivery_number") == [
        ("given_up", CONTENT, "file", False),
        ("taken", CONTENT, "file", True),
        ("again", CONTENT, "file", True),
    ]
    assert ask("SELECT slice_id, records FROM ops.row_ledger") == [(CONTENT, 2)]
    opened = "SELECT dataset, slice_id, record_number FROM ops.quarantine_open"
    assert ask(opened) == [("trades", CONTENT, 2)]
    assert ask("SELECT slice_id FROM serving.stock_prices") == [(CONTENT,)]
    assert ask("SELECT slice_id FROM serving.of_this_home") == []
    assert ask("SELECT file_id FROM ann.prices") == [(CONTENT,)], "views go on as they are"
    assert ask("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'") == []
    named = (
        "SELECT relname FROM pg_class WHERE relname LIKE '%batch_file%' UNION ALL SELECT conname"
    )
    assert ask(f"{named} FROM pg_constraint WHERE conname LIKE '%batch_file%'") == []


def test_a_content_that_two_pipelines_took_before_stops_no_migration(
    before: psycopg.Connection[Any],
) -> None:
    for name, pipeline in (("b1", "one"), ("b2", "other")):
        add_batch(before, name, "PUBLISHED", pipeline)
        before.execute(FILE_OF_BEFORE, [name, CONTENT, "accepted"])
    migrate(before)
    add_batch(before, "b3", pipeline="one")
    add_batch(before, "b4", pipeline="other")
    record_deliveries(before, "b3", [Delivery("trades", "b.csv", "beef", "accepted")])
    with pytest.raises(BatchError, match=r"b4: .*beef"):
        record_deliveries(before, "b4", [Delivery("trades", "b.csv", "beef", "accepted")])


def test_a_served_table_with_a_column_slice_id_of_its_own_stops_no_migration(
    before_own_slice_id: psycopg.Connection[Any],
) -> None:
    before = before_own_slice_id
    for name, own in (("a", "slice_id text"), ("b", "slice_id int, slice_id_value int")):
        before.execute(f"CREATE TABLE serving.{name} ({own}, file_id text)")
        into = sql.SQL("INSERT INTO serving.{} (slice_id, file_id) VALUES (7, %s)")
        before.execute(into.format(sql.Identifier(name)), [CONTENT])
    before.execute("CREATE TABLE serving.of_a_person (slice_id text)")
    migrate(before)

    def ask(query: str) -> list[tuple[Any, ...]]:
        return before.execute(query).fetchall()

    assert ask("SELECT slice_id, slice_id_value FROM serving.a") == [(CONTENT, "7")]
    named = "SELECT slice_id, slice_id_value_value, slice_id_value FROM serving.b"
    assert ask(named) == [(CONTENT, 7, None)]
    assert ask("SELECT slice_id FROM serving.of_a_person") == [], "it is none of ours"


def test_room_for_slice_id_is_made_before_there_are_slices_only(
    before_own_slice_id: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """A home that has 0020 gets the file that stands before it afterwards."""
    before = before_own_slice_id
    later = tmp_path / "later"
    later.mkdir()
    for path in DDL.glob("*.sql"):
        if path.name != ROOM:
            (later / path.name).write_text(path.read_text())
    migrate(before, later)
    before.execute("CREATE TABLE serving.odd (slice_id text, file_id text)")
    assert migrate(before) == [ROOM]
    assert before.execute("SELECT slice_id, file_id FROM serving.odd").fetchall() == []


@pytest.mark.parametrize("gives_up", HOLDS_NOTHING)
def test_a_slice_is_claimed_by_one_live_batch(
    loader: psycopg.Connection[Any], gives_up: BatchState
) -> None:
    add_batch(loader, "first")
    record_deliveries(loader, "first", [TAKEN])
    record_deliveries(loader, "first", [TAKEN])  # a retry
    add_batch(loader, "second")
    with pytest.raises(BatchError, match=f"second: another batch .*trades, {CONTENT}"):
        record_deliveries(loader, "second", [TAKEN])
    assert deliveries(loader, "second") == []
    assert batch_holding(loader, [("trades", CONTENT)], besides="second") == {
        ("trades", CONTENT): "first"
    }
    loader.execute("UPDATE ops.batch SET state = %s WHERE batch_id = 'first'", [gives_up])
    record_deliveries(loader, "second", [TAKEN])
    assert deliveries(loader, "second") == [TAKEN]
    live = "SELECT batch_id, batch_is_live FROM ops.batch_slice ORDER BY 1"
    assert loader.execute(live).fetchall() == [("first", False), ("second", True)]
    with pytest.raises(psycopg.errors.UniqueViolation, match="slice_claimed_once"):
        loader.execute("UPDATE ops.batch SET state = 'RUNNING' WHERE batch_id = 'first'")


@pytest.mark.parametrize("state", [s for s in BatchState if s not in HOLDS_NOTHING])
def test_a_batch_that_is_not_given_up_keeps_its_claim(
    loader: psycopg.Connection[Any], state: BatchState
) -> None:
    add_batch(loader, "first")
    record_deliveries(loader, "first", [TAKEN])
    loader.execute("UPDATE ops.batch SET state = %s WHERE batch_id = 'first'", [state])
    add_batch(loader, "second")
    with pytest.raises(BatchError, match="second: another batch"):
        record_deliveries(loader, "second", [TAKEN])


def test_one_content_may_be_a_slice_of_several_datasets(loader: psycopg.Connection[Any]) -> None:
    """And a duplicate or a rejected file claims nothing."""
    add_batch(loader, "first")
    add_batch(loader, "second")
    record_deliveries(loader, "first", [TAKEN])
    others = [
        Delivery("stocks", "a.csv", CONTENT, "accepted"),
        Delivery("trades", "b.csv", CONTENT, "duplicate"),
        Delivery("trades", "c.csv", CONTENT, "rejected"),
    ]
    record_deliveries(loader, "second", others)
    assert deliveries(loader, "second") == others


@pytest.mark.parametrize(("kind", "slice_id"), [("tape", "a"), ("file", "a:b")])
def test_a_slice_has_a_known_kind_and_a_plain_id(
    loader: psycopg.Connection[Any], kind: str, slice_id: str
) -> None:
    add_batch(loader, "first")
    with pytest.raises(psycopg.errors.CheckViolation, match=r"kind_check|slice_id_check"):
        loader.execute(
            "INSERT INTO ops.batch_slice (batch_id, dataset, format, slice_id, source_file,"
            " verdict, reason, records, size_bytes, header, location, slice_date, kind)"
            " VALUES ('first', 'trades', 'csv', %s, 'a', 'accepted', '', 1, 1, '{}', '',"
            " '2026-01-01', %s)",
            [slice_id, kind],
        )


def test_kinds_of_the_books_are_those_of_the_plan(loader: psycopg.Connection[Any]) -> None:
    (told,) = loader.execute(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conname = 'batch_slice_kind_check'"
    ).fetchall()
    assert told[0].count("'") == 2 * len(SLICES)
    assert all(f"'{kind}'" in told[0] for kind in SLICES)
