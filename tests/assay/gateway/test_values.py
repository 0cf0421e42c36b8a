"""The gateway takes for a value what silver takes for one, by the same table of spellings."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from assay.contracts.columns import Column
from assay.contracts.dialect import BLANKS, TextForms
from assay.gateway.values import reader, standardiser
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

TABLES: list[tuple[Column, TextForms, Mapping[str | None, str | None]]] = [
    (MONEY, TextForms(), DECIMALS),
    (MOMENT, TextForms(), TIMESTAMPS),
    (ROUNDED, TextForms(), EXACT_TEXTS | ROUNDED_TEXTS | UNROUNDED_TEXTS),
    (ROUNDED, CONTINENTAL, ROUNDED_CONTINENTAL),
    *((column, CONTINENTAL, texts) for column, texts in CONTINENTAL_TEXTS),
    (
        Column("n", "int"),
        TextForms(),
        {"2147483647": "", "2147483648": None, "12.0": "", "-": None},
    ),
    (Column("b", "boolean"), TextForms(), {"TRUE": "", "n": "", "2": None, "on": None}),
    (Column("d", "date"), TextForms(), {"2026-01-31": "", "2026-01-31T00:01": None}),
]


def says(column: Column, forms: TextForms, text: str | None) -> bool:
    found = None if text is None else standardiser(column, forms)(text)
    read = reader(column, forms)
    return found is not None and (read is None or read(found))


@pytest.mark.parametrize(("column", "forms", "texts"), TABLES)
def test_a_text_says_a_value_when_it_does_for_silver(
    column: Column, forms: TextForms, texts: Mapping[str | None, str | None]
) -> None:
    wrong = {
        text: value
        for text, value in texts.items()
        if says(column, forms, text) != (value is not None)
    }
    assert wrong == {}


def test_what_looks_empty_says_nothing() -> None:
    standardise = standardiser(Column("c"), TextForms(null_values=("NA",)))
    assert {standardise(text) for text in (*BLANKS, BLANKS, " NA ")} == {None}
    assert standardise(f"{BLANKS}a b{BLANKS}") == "a b"


def test_numbers_of_any_length_are_told_in_no_time() -> None:
    for column in (Column("n", "bigint"), MONEY, ROUNDED):
        assert not says(column, TextForms(), "9" * 4_000_000)
