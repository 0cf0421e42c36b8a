"""What `assay … list` shows in a terminal of 80 columns, and which short names commands take."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from assay.batch.run import batch_id_of
from assay.cli import batch, quarantine, release, verify
from assay.cli.lists import Column, lay_out, number, whole
from assay.cli.main import app
from assay.errors import AssayError, BatchError
from assay.ledger import set_batch_state
from assay.ledger.names import batch_named
from assay.operations import runs
from assay.operations.rollback import Request, with_whole_id
from builders import ledger_rows

if TYPE_CHECKING:
    from conftest import Database

LONG = "validate_silver: 2 expectations not met: silver.trades: every trade has a\ncustomer; " * 3
AT_FOUR = "scheduled__2026-01-02T04:00:00+00:00"  # two pipelines have a run of this name
DAY = "2026-01-02"
SHOP, FINANCE = (batch_id_of(name, AT_FOUR, DAY) for name in ("ecommerce_events", "finance"))
FAILED = batch_id_of("trades", "manual__1", DAY)
HASH = SHOP[-8:]
Shown = Callable[..., list[str]]


@pytest.fixture
def books(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Two published batches whose ids end alike, and one that failed for a long reason."""
    for module in (batch, runs, quarantine, release, verify):
        monkeypatch.setattr(module, "dsn", lambda settings, role: database.uri(role))
    with database.connect(autocommit=True) as connection:
        for batch_id, pipeline in ((SHOP, "ecommerce_events"), (FINANCE, "finance")):
            ledger_rows.start_batch(
                connection, batch_id, "COMMITTED", "PUBLISHED", pipeline=pipeline
            )
            ledger_rows.release(connection, batch_id, {}, pipeline)
        ledger_rows.start_batch(connection, FAILED)
        set_batch_state(connection, FAILED, "FAILED", error=LONG)  # type: ignore[arg-type]
        for record, reason in enumerate(("delivery.before_dispatch", "price.out_of_range")):
            connection.execute(
                "INSERT INTO ops.quarantine_row"
                " VALUES (%s, 'ecommerce_events', %s, 1, 'f', 'x.csv', %s, %s, '{}')",
                [f"f:{record}", SHOP, record, [reason]],
            )
    return database


def read_all(terminal: int) -> str:
    """What was printed on a terminal that is closed; its other end then has no more to read."""
    text = b""
    with suppress(OSError):
        while part := os.read(terminal, 4096):
            text += part
    os.close(terminal)
    return text.decode()


@pytest.fixture
def shown(books: Database, monkeypatch: pytest.MonkeyPatch) -> Shown:
    """What a command prints on a terminal of 80 columns, by lines."""
    monkeypatch.setenv("COLUMNS", "80")

    def show(*arguments: str) -> list[str]:
        reading, writing = os.openpty()
        with os.fdopen(writing, "w", encoding="utf-8") as terminal, redirect_stdout(terminal):
            assert sys.stdout.isatty()
            app([*arguments], standalone_mode=False)
        text = read_all(reading)
        return text.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()

    return show


@pytest.mark.parametrize("kind", ["batch", "quarantine", "release"])
def test_a_list_has_one_line_a_row_in_80_columns(shown: Shown, kind: str) -> None:
    lines = shown(kind, "list")
    assert len(lines) == 1 + {"batch": 3, "quarantine": 2, "release": 2}[kind]
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in "".join(lines)


def test_batches_are_named_by_number_and_their_error_has_room(shown: Shown) -> None:
    head, first, _, failed = shown("batch", "list")
    assert head.split() == ["batch", "pipeline", "day", "state", "records", "note"]
    assert first.split() == [
        "1",
        "ecommerce_events",
        "2026-01-01",
        "PUBLISHED",
        "0",
        "release",
        "1",
    ]
    assert "validate_silver: 2" in failed
    assert failed.endswith("…")


def test_no_reason_of_quarantine_is_broken(shown: Shown) -> None:
    _, first, second = shown("quarantine", "list")
    assert first.split() == ["ecommerce_events", "1", "delivery.before_dispatch", "1", "1"]
    assert second.split()[2] == "price.out_of_range"


@pytest.mark.parametrize("kind", ["batch", "quarantine", "release"])
def test_wide_shows_whole_ids_and_all_columns(shown: Shown, kind: str) -> None:
    lines = shown(kind, "list", "--wide")
    assert SHOP in lines[1].split()
    assert len(lines[0].split()) > len(shown(kind, "list")[0].split())
    assert not any("…" in line for line in lines)


def test_what_is_no_terminal_gets_plain_text_with_nothing_cut(
    books: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = CliRunner().invoke(app, ["batch", "list"], catch_exceptions=False)
    assert done.exit_code == 0
    assert done.output.replace("\n", "").isprintable()
    assert done.output.splitlines()[3].endswith(" ".join(LONG.split()))


@pytest.mark.parametrize("name", [FAILED, "3", FAILED[-8:], FAILED[-8:-4]])
def test_every_short_name_means_the_batch(books: Database, name: str) -> None:
    with books.connect("assay_reader") as connection:
        assert batch_named(connection, name) == FAILED
    told = CliRunner().invoke(app, ["batch", "show", name, "--json"], catch_exceptions=False)
    assert json.loads(told.output)["batch_id"] == FAILED


@pytest.mark.parametrize("command", ["retry", "abandon", "reject-file"])
def test_ways_out_list_what_an_ambiguous_name_means(books: Database, command: str) -> None:
    arguments = {"retry": [], "abandon": ["--why", "old"], "reject-file": ["f", "--why", "old"]}
    with pytest.raises(BatchError, match=f"'{HASH}' names 2 batches: {FINANCE}, {SHOP}; give"):
        app(["batch", command, HASH, *arguments[command]], standalone_mode=False)


def test_other_commands_take_short_names_too(books: Database) -> None:
    def reasons(name: str) -> list[str]:
        arguments = ["quarantine", "list", "--batch", name, "--json"]
        listed = CliRunner().invoke(app, arguments, catch_exceptions=False).output
        return [row["reason"] for row in json.loads(listed)]

    assert reasons("1") == reasons(SHOP) == ["delivery.before_dispatch", "price.out_of_range"]
    for arguments in (
        ["quarantine", "show", "--batch", HASH],
        ["quarantine", "export", "--dataset", "stocks", "--out", "x.csv", "--batch", HASH],
        ["replay", "--dataset", "stocks", "--batch", HASH],
        ["waive", "--dataset", "stocks", "--why", "not worth it", "--batch", HASH],
        ["verify", "--batch", HASH],
    ):
        with pytest.raises(AssayError, match="names 2 batches"):
            app(arguments, standalone_mode=False)


def test_a_rollback_takes_short_names_too(books: Database) -> None:
    with books.connect("assay_reader") as connection:
        by_number = Request(None, "3", who="ann", why="a test feed")
        assert with_whole_id(connection, by_number) == replace(by_number, batch=FAILED)
        by_release = Request(1, None, who="ann", why="a test feed")
        assert with_whole_id(connection, by_release) == by_release
        with pytest.raises(BatchError, match="names 2 batches"):
            with_whole_id(connection, replace(by_number, batch=HASH))


def test_unknown_name_is_no_batch_and_the_exit_codes_are_as_ever(books: Database) -> None:
    with books.connect("assay_reader") as connection:
        for name in ("4", "nope", "trades", FAILED[-8:-5]):
            with pytest.raises(BatchError, match=f"{name}: no such batch; see `assay batch list`"):
                batch_named(connection, name)
    done = CliRunner().invoke(app, ["batch", "show", "nope"])
    assert (done.exit_code, "no such batch" in done.output) == (2, True)


def test_a_number_is_never_taken_for_a_hash(books: Database) -> None:
    """Of a batch whose id ends in digits only, and one that has these for its number."""
    with books.connect("assay_owner", autocommit=True) as connection:
        ledger_rows.start_batch(connection, "trades_2026-01-03_12345678")
        assert batch_named(connection, "1234") == "trades_2026-01-03_12345678"
        connection.execute("UPDATE ops.batch SET number = DEFAULT WHERE batch_id = %s", [FAILED])
        connection.execute("ALTER TABLE ops.batch ALTER COLUMN number RESTART WITH 1234")
        ledger_rows.start_batch(connection, "trades_2026-01-04_aaaaaaaa")
        assert batch_named(connection, "1234") == "trades_2026-01-04_aaaaaaaa"


def test_the_widest_text_gives_way_and_ids_never_do() -> None:
    columns = [number("n"), Column("one"), whole("id"), Column("two")]
    row = [1_000, "a" * 30, "i" * 20, "b" * 10]
    (line,) = lay_out(columns, [row], 50)[1:]
    assert line == f"1,000  {'a' * 8}…  {'i' * 20}  {'b' * 10}"
    assert lay_out(columns, [row], 10)[1].split()[2] == "i" * 20, "too narrow: it wraps, uncut"


def test_cells_stay_on_their_line_and_do_nothing_to_a_terminal() -> None:
    told = lay_out([Column("text")], [["a\tb\nc"], ["\x1b[31mred"], ["漢字漢字漢字漢字"]], 9)
    assert told == ["text", "a b c", "\ufffd[31mred", "漢字漢字…"]
