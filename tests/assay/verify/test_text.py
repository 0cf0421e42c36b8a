"""The auditor reads each spelling as the pipeline does, with an engine of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

import duckdb
import pytest

from assay.contracts.columns import Column
from assay.contracts.dialect import BLANKS, TextForms
from assay.contracts.load import load_contract
from assay.verify.rounding import add_rounding, is_rounded
from assay.verify.text import BLANK_POINTS, canonical, digest, typed
from builders.spellings import (
    CONTINENTAL,
    CONTINENTAL_TEXTS,
    DECIMALS,
    EXACT_TEXTS,
    MOMENT,
    MONEY,
    ROUNDED,
    ROUNDED_CONTINENTAL,
    ROUNDED_TEXTS,
    TIMESTAMPS,
    UNROUNDED_TEXTS,
)

SILVER, BRONZE = load_contract("silver", "trades"), load_contract("bronze", "trades")


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        add_rounding(connection)
        yield connection


def read(
    database: duckdb.DuckDBPyConnection,
    column: Column,
    texts: list[str],
    forms: TextForms = SILVER.forms,
) -> dict[str, str | None]:
    """What the auditor makes of texts that are delivered in the column trade_id."""
    value = typed(replace(column, source="trade_id"), replace(SILVER, forms=forms), BRONZE)
    query = f'SELECT CAST({value} AS VARCHAR) FROM (SELECT ? AS "trade_id")'  # noqa: S608
    return {text: database.execute(query, [text]).fetchall()[0][0] for text in texts}


@pytest.mark.parametrize(("column", "spellings"), [(MONEY, DECIMALS), (MOMENT, TIMESTAMPS)])
def test_what_silver_takes_is_read_as_the_same_value(
    database: duckdb.DuckDBPyConnection, column: Column, spellings: Mapping[str, str | None]
) -> None:
    taken = {text: value for text, value in spellings.items() if value is not None}
    offset = "+00" if column is MOMENT else ""
    expected = {text: f"{value}{offset}" for text, value in taken.items()}
    assert read(database, column, list(taken)) == expected


@pytest.mark.parametrize(("column", "spellings"), CONTINENTAL_TEXTS)
def test_texts_are_read_by_the_forms_of_their_feed(
    database: duckdb.DuckDBPyConnection, column: Column, spellings: Mapping[str, str | None]
) -> None:
    is_text = column.type == "string"  # of a text none is bad, so the auditor must agree on all
    taken = {t: value for t, value in spellings.items() if is_text or value is not None}
    offset = "+00" if column is MOMENT else ""
    expected = {text: value and f"{value}{offset}" for text, value in taken.items()}
    assert read(database, column, list(taken), CONTINENTAL) == expected


def test_what_silver_rounds_is_read_as_the_same_value(
    database: duckdb.DuckDBPyConnection,
) -> None:
    taken = {**EXACT_TEXTS, **ROUNDED_TEXTS}
    assert read(database, ROUNDED, [*map(str, taken)]) == taken
    assert {text for text in map(str, taken) if is_rounded(text, 2)} == {*ROUNDED_TEXTS}
    continental = {text: value for text, value in ROUNDED_CONTINENTAL.items() if value is not None}
    assert read(database, ROUNDED, [*map(str, continental)], CONTINENTAL) == continental


def test_what_is_too_large_or_no_number_is_no_value(database: duckdb.DuckDBPyConnection) -> None:
    spelt = [text for text in UNROUNDED_TEXTS if text not in (None, "1_0.5", "\uff11.5")]
    assert {*read(database, ROUNDED, [*map(str, spelt)]).values()} == {None}
    assert [is_rounded(text, 2) for text in ("x", "1e9999999999", "nan")] == [None, None, True]


def test_the_same_blanks_are_trimmed(database: duckdb.DuckDBPyConnection) -> None:
    assert {*map(chr, BLANK_POINTS)} == {*BLANKS}
    around = [f"{blank}a{blank}b{blank}" for blank in BLANKS]
    assert read(database, Column("c"), around) == {text: text[1:-1] for text in around}
    assert {*read(database, Column("c"), [*BLANKS, BLANKS]).values()} == {None}


def test_whole_numbers_are_read_as_silver_takes_them(database: duckdb.DuckDBPyConnection) -> None:
    found = read(database, Column("c", "bigint"), ["041.000", "5.", "+7", "41"])
    assert found == {"041.000": "41", "5.": "5", "+7": "7", "41": "41"}


def test_a_text_with_a_separator_is_hashed_unmistakably(
    database: duckdb.DuckDBPyConnection,
) -> None:
    spelt = {
        "plain\x1d": "plain\x1d",
        "a\x1fb": "\x1ea\x1dCb",
        "\x1e": "\x1e\x1e",
        "\x1d\x1f": "\x1e\x1dA\x1dC",
    }
    query = f"SELECT {digest([canonical('v', Column('c'))] * 2)} FROM (SELECT ? AS v)"  # noqa: S608
    for text, expected in spelt.items():
        found = database.execute(query, [text]).fetchall()[0][0]
        assert found == hashlib.sha256(f"{expected}\x1f{expected}".encode()).hexdigest()
