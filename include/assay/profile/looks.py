"""What the texts of one column can be: how many of them are numbers, dates, words for nothing."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from assay.contracts.date_formats import ISO
from assay.profile.given import Given
from assay.profile.sample import TABLE, Field, Sample
from assay.profile.texts import (
    FAMILIES,
    MARKS,
    NULLS,
    Family,
    Marks,
    date_pattern,
    float_pattern,
    is_date,
    is_one_of,
    matches,
)

Reading = TypeVar("Reading")
ENOUGH = 0.9
PROBED = 500


@dataclass
class Found:
    """What the texts of one column can be; `values` are those that are no word for nothing."""

    field: Field
    texts: list[str]
    values: int
    nulls: list[str]
    is_word: bool = False
    marks: dict[Marks, int] = dataclasses.field(default_factory=dict)
    dates: dict[str, int] = dataclasses.field(default_factory=dict)
    families: dict[Family, int] = dataclasses.field(default_factory=dict)

    def is_enough(self, count: int) -> bool:
        return self.values > 0 and count >= ENOUGH * self.values


def look_at(sample: Sample, column: Field, given: Given) -> Found:
    """Guess by some texts, and count in all of them."""
    slot = column.slot
    query = f"SELECT DISTINCT {slot} FROM {TABLE} WHERE {slot} IS NOT NULL LIMIT {PROBED}"
    texts = [text for (text,) in sample.database.execute(query).fetchall()]
    known = given.null_values or NULLS
    listed = is_one_of(slot, known)
    query = f"SELECT {slot}, count(*) FROM {TABLE} WHERE {listed} GROUP BY 1 ORDER BY 1"
    nulls = sample.database.execute(query).fetchall()
    (there,) = sample.one(f"SELECT count({slot}) FROM {TABLE}")
    values = int(str(there)) - sum(count for _, count in nulls)
    found = Found(column, [t for t in texts if t not in known], values, [text for text, _ in nulls])
    if not column.is_text or not found.texts:
        return found
    marks = MARKS if sample.is_csv else MARKS[:1]
    found.marks = _count(
        sample, found, marks, lambda m: float_pattern(*m), lambda m: _number(slot, m)
    )
    formats = given.date_formats or (ISO,)
    found.dates = _count(sample, found, formats, date_pattern, lambda form: is_date(slot, form))
    if not (sample.has_parquet or given.date_formats):
        found.families = _count(
            sample, found, FAMILIES, _any_form, lambda f: _is_of_family(slot, f)
        )
    return found


def _count(
    sample: Sample,
    found: Found,
    readings: Iterable[Reading],
    pattern: Callable[[Reading], str],
    condition: Callable[[Reading], str],
) -> dict[Reading, int]:
    """Texts by reading; a reading that does not fit half of some texts is not counted."""
    likely = [r for r in readings if _fits_half(found.texts, pattern(r))]
    if not likely:
        return {}
    asked = ", ".join(f"count(*) FILTER (WHERE {condition(r)})" for r in likely)
    is_null = is_one_of(found.field.slot, found.nulls)
    row = sample.one(f"SELECT {asked} FROM {TABLE} WHERE NOT {is_null}")
    return {reading: int(str(n)) for reading, n in zip(likely, row, strict=True)}


def _fits_half(texts: Sequence[str], pattern: str) -> bool:
    compiled = re.compile(pattern)
    return 2 * sum(compiled.fullmatch(text) is not None for text in texts) >= len(texts)


def _number(slot: str, marks: Marks) -> str:
    return matches(slot, float_pattern(*marks))


def _any_form(family: Family) -> str:
    return "|".join(f"({date_pattern(form)})" for form in family.forms())


def _is_of_family(slot: str, family: Family) -> str:
    return f"({' OR '.join(is_date(slot, form) for form in family.forms())})"
