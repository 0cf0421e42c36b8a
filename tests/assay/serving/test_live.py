"""The tables of live: made from every contract, and shown beside what is released."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from assay.contracts.columns import Column
from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from assay.serving import live
from assay.serving.columns import columns_of
from assay.serving.evolution import evolve_tables
from assay.serving.live import (
    errors_table,
    live_columns,
    live_contracts,
    live_table,
    make_live_tables,
    now_view,
)

if TYPE_CHECKING:
    from conftest import Database

EVENTS = load_contract("silver", "ecommerce_events")


@pytest.fixture
def owner(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with database.connect("assay_owner", autocommit=True) as connection:
        yield connection


def ask(connection: psycopg.Connection[Any], query: str) -> list[Any]:
    return [row[0] for row in connection.execute(query).fetchall()]


@pytest.mark.parametrize("contract", [*live_contracts()], ids=lambda c: c.name)
def test_every_served_dataset_has_them_with_the_columns_of_its_contract(
    owner: psycopg.Connection[Any], contract: Contract
) -> None:
    table, errors, view = live_table(contract), errors_table(contract), now_view(contract)
    written = {column.name for column in live_columns(contract)}
    assert columns_of(owner, table) == written | {"live_since"}
    assert columns_of(owner, view) == written | {"live_since", "state"}
    assert columns_of(owner, errors) == {
        *("slice_id", "record_number", "reasons", "raw", "live_since")
    }
    for name in (table, errors, view):
        comment = ask(owner, f"SELECT obj_description('{name}'::regclass, 'pg_class')")[0]
        assert "ot audited" in comment
        assert None not in ask(
            owner,
            "SELECT col_description(attrelid, attnum) FROM pg_attribute"  # noqa: S608
            f" WHERE attrelid = '{name}'::regclass AND attnum > 0",
        )
    indexed = ask(
        owner,
        "SELECT pg_get_indexdef(indexrelid, 1, true) FROM pg_index"  # noqa: S608
        f" WHERE indrelid = '{table}'::regclass",
    )
    assert {*indexed} == {"slice_id", contract.keys[0]}
    assert ask(owner, f"SELECT reloptions FROM pg_class WHERE oid = '{table}'::regclass") != [None]  # noqa: S608
    assert make_live_tables(owner) == []


def test_a_column_that_a_contract_gains_comes_last_in_the_view(
    owner: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.execute("CREATE VIEW serving.of_mine AS SELECT * FROM live.ecommerce_event_now")
    owner.execute("ALTER TABLE serving.ecommerce_event ADD COLUMN campaign text")
    first, *rest = EVENTS.columns
    grown = replace(EVENTS, columns=(first, Column("campaign"), *rest))
    monkeypatch.setattr(live, "all_contracts", lambda _: [grown])
    assert make_live_tables(owner) == ["live.ecommerce_event.campaign"]
    assert make_live_tables(owner) == []
    columns = ask(
        owner,
        "SELECT attname FROM pg_attribute WHERE attrelid = 'live.ecommerce_event_now'::regclass"
        " ORDER BY attnum",
    )
    assert columns[-3:] == ["live_since", "state", "campaign"]


def add(owner: psycopg.Connection[Any], table: str, **row: object) -> None:
    """A row whose other columns have any value."""
    fillers = {
        "text": "x",
        "bigint": 1,
        "integer": 1,
        "timestamp with time zone": "2026-11-30 10:00Z",
    }
    kinds = dict(
        owner.execute(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_schema || '.' || table_name = %s AND is_nullable = 'NO'"
            " AND column_name <> 'live_since'",
            [table],
        ).fetchall()
    )
    facts = {name: fillers.get(kind, "2026-11-30") for name, kind in kinds.items()} | row
    names = ", ".join(facts)
    marks = ", ".join(["%s"] * len(facts))
    query = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
    owner.execute(query, [*facts.values()])


def now(owner: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return owner.execute(
        "SELECT event_id, session_id, state FROM live.ecommerce_event_now ORDER BY event_id"
    ).fetchall()


def test_of_each_key_the_view_shows_the_version_that_would_be_served(
    owner: psycopg.Connection[Any],
) -> None:
    served, shown = "serving.ecommerce_event", "live.ecommerce_event"
    early, late = "2026-11-30 09:00Z", "2026-11-30 11:00Z"
    for key in ("kept", "newer", "older", "equal"):
        add(owner, served, event_id=key, session_id="released", source_file="f")
    add(owner, shown, event_id="newer", event_time=late, session_id="live")
    add(owner, shown, event_id="older", event_time=early, session_id="live")
    add(owner, shown, event_id="equal", session_id="live")
    add(owner, shown, event_id="fresh", session_id="first", record_number=1)
    add(owner, shown, event_id="fresh", session_id="last", record_number=2)
    add(owner, shown, event_id="fresh", event_time=early, session_id="late", record_number=3)
    assert now(owner) == [
        ("equal", "live", "live"),  # of equal versions the latest delivered wins
        ("fresh", "last", "live"),
        ("kept", "released", "released"),
        ("newer", "live", "live"),
        ("older", "released", "released"),
    ]


def test_where_the_first_delivered_stands_it_does_in_the_view(
    owner: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        live, "all_contracts", lambda _: [replace(EVENTS, on_equal_version="conflict")]
    )
    made_before = ask(owner, "SELECT 'live.ecommerce_event_now'::regclass::oid")
    make_live_tables(owner)
    assert ask(owner, "SELECT 'live.ecommerce_event_now'::regclass::oid") == made_before
    add(owner, "serving.ecommerce_event", event_id="equal", session_id="released")
    add(owner, "live.ecommerce_event", event_id="equal", session_id="live")
    add(owner, "live.ecommerce_event", event_id="fresh", session_id="first", record_number=1)
    add(owner, "live.ecommerce_event", event_id="fresh", session_id="last", record_number=2)
    assert now(owner) == [("equal", "released", "released"), ("fresh", "first", "live")]


def test_a_column_that_a_contract_loses_stays_in_the_view_with_its_values(
    owner: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    add(owner, "live.ecommerce_event", event_id="fresh", session_id="live", product_name="thing")
    rest = tuple(column for column in EVENTS.columns if column.name != "product_name")
    monkeypatch.setattr(live, "all_contracts", lambda _: [replace(EVENTS, columns=rest)])
    make_live_tables(owner)
    assert ask(owner, "SELECT product_name FROM live.ecommerce_event_now") == ["thing"]


def test_what_is_as_it_should_be_waits_for_no_transaction_on_live(
    database: Database, owner: psycopg.Connection[Any]
) -> None:
    with database.connect("assay_streamer") as stream, database.connect("assay_reader") as reader:
        stream.execute("INSERT INTO live.ecommerce_event_errors VALUES ('s', 1, '{a}', 'x')")
        stream.execute("SELECT FROM live.ecommerce_event")
        reader.execute("SELECT FROM live.ecommerce_event_now, live.user_activity_errors")
        owner.execute("SET lock_timeout = '2s'")
        assert evolve_tables(owner) == []
        owner.execute("UPDATE ops.live_script SET sha256 = repeat('0', 64)")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            evolve_tables(owner)  # a text that is due does wait, for readers of its views
        reader.rollback()
        assert evolve_tables(owner) == []


def test_a_script_beside_a_contract_runs_when_its_text_is_another(
    owner: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mine = replace(EVENTS, path=tmp_path / "silver.yaml")
    monkeypatch.setattr(live, "all_contracts", lambda _: [mine])
    script = tmp_path / "live.sql"
    for text, runs in (("one", 1), ("one", 1), ("two", 2), ("one", 3)):
        script.write_text(f"COMMENT ON SCHEMA live IS '{text}'; SELECT nextval('runs')")
        owner.execute("CREATE SEQUENCE IF NOT EXISTS runs")
        make_live_tables(owner)
        assert ask(owner, "SELECT last_value FROM runs") == [runs], text
    owner.execute("DROP VIEW live.ecommerce_event_now CASCADE")
    make_live_tables(owner)
    assert ask(owner, "SELECT last_value FROM runs") == [4], "its views went with what they show"
    script.write_text("SELECT 1; no statement")
    with pytest.raises(psycopg.errors.SyntaxError):
        make_live_tables(owner)
    script.write_text("SELECT nextval('runs')")
    make_live_tables(owner)
    assert ask(owner, "SELECT last_value FROM runs") == [5]


def test_a_key_that_is_asked_for_is_looked_up(owner: psycopg.Connection[Any]) -> None:
    owner.execute("SET enable_seqscan = off")
    plan = "\n".join(
        ask(owner, "EXPLAIN SELECT * FROM live.ecommerce_event_now WHERE event_id = 'x'")
    )
    assert "Seq Scan" not in plan


def test_tables_of_the_prior_systems_show_what_is_live_beside_what_is_released(
    database: Database, owner: psycopg.Connection[Any]
) -> None:
    add(owner, "serving.ecommerce_event", event_id="kept", event_type="view")
    add(owner, "live.ecommerce_event", event_id="fresh", event_type="view")
    errors = "INSERT INTO live.ecommerce_event_errors VALUES ('s', %s, '{a.b,c.d}', %s)"
    owner.execute(errors, [1, '{"event_id": "odd"}'])
    owner.execute(errors, [2, "no json"])
    with database.connect("assay_reader") as reader:
        found = reader.execute("SELECT event_id, state FROM live.user_activity ORDER BY 1")
        assert found.fetchall() == [("fresh", "live"), ("kept", "released")]
        found = reader.execute("SELECT id, action FROM live.events ORDER BY 1")
        assert found.fetchall() == [("fresh", "VIEW"), ("kept", "VIEW")]
        found = reader.execute(
            "SELECT id, corrupt_record, error_type, state FROM live.corrupt_records"
        )
        assert found.fetchall()[1] == ("s:2", "no json", "a.b, c.d", "live")
        found = reader.execute("SELECT error_id, event_id FROM live.user_activity_errors")
        assert found.fetchall() == [("s:1", "odd"), ("s:2", None)]
