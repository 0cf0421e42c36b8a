"""The forms of a feed, found in all its columns together: marks, dates, words for nothing and yes.

A column is taken for one of numbers or dates when nine texts of ten are: sample files have bad
records as well, and the rest is told to the person who reads the proposal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from assay.contracts.date_formats import ISO
from assay.contracts.dialect import TextForms
from assay.errors import SampleError
from assay.profile.given import Given
from assay.profile.looks import Found, look_at
from assay.profile.sample import TABLE, Sample
from assay.profile.texts import MARKS, USUAL_WORDS, WHOLE, WORDS, Family, Marks, is_date


@dataclass(frozen=True)
class FoundForms:
    """The forms of the feed, and what was found of each column by its slot."""

    forms: TextForms
    columns: dict[str, Found]


def find_forms(sample: Sample, given: Given) -> FoundForms:
    """Raises SampleError, naming file, column and flag, where two readings are equally good."""
    columns = {each.slot: look_at(sample, each, given) for each in sample.fields}
    texts = [found for found in columns.values() if found.field.is_text]
    decimal, thousands = _marks(sample, texts, given)
    dates = _dates(sample, texts, given)
    true, false = _words(texts)
    typed = [f for f in columns.values() if _is_typed(f, (decimal, thousands), dates)]
    nulls = dict.fromkeys(null for found in typed for null in found.nulls)
    forms = TextForms(
        decimal=decimal,
        thousands=thousands,
        date_formats=tuple(dates),
        null_values=given.null_values or tuple(nulls),
        true_values=true,
        false_values=false,
    )
    return FoundForms(forms, columns)


def _marks(sample: Sample, columns: Sequence[Found], given: Given) -> Marks:
    """The marks under which most columns are numbers; those that are usual, where it is all one."""
    asked = [
        marks
        for marks in MARKS
        if given.decimal in (None, marks[0]) and given.thousands in (None, marks[1])
    ]
    if given.decimal is not None and given.thousands is not None:
        return given.decimal, given.thousands
    if not asked:
        return given.decimal or ".", given.thousands or ""

    def score(marks: Marks) -> tuple[int, int]:
        fitting = [c.marks.get(marks, 0) for c in columns if c.is_enough(c.marks.get(marks, 0))]
        return len(fitting), sum(fitting)

    best = max(map(score, asked))
    winners = [marks for marks in asked if score(marks) == best]
    if len({decimal for decimal, _ in winners}) > 1 and (".", "") not in winners:
        column, shown = next(
            (column, text)
            for column in columns
            if column.is_enough(column.marks.get(winners[0], 0))
            for text in column.texts
            if not re.fullmatch(WHOLE, text)
        )
        raise SampleError(
            f"{sample.names[0]}: column {column.field.header!r} has texts such as {shown!r}, whose"
            " mark may be that of decimals or of thousands: say --decimal or --thousands"
        )
    return winners[0]


def _dates(sample: Sample, columns: Sequence[Found], given: Given) -> dict[str, None]:
    """The formats of dates, each column's own; ISO 8601 alone where there is no other."""
    if given.date_formats:
        return dict.fromkeys(given.date_formats)
    chosen: dict[str, None] = {}
    likely = [(c, _likely_families(c)) for c in columns]
    sure = {families[0] for _, families in likely if len(families) == 1}
    for column, families in likely:
        told = [family for family in families if family in sure] or families
        if len(told) > 1:
            raise SampleError(
                f"{sample.names[0]}: column {column.field.header!r} has dates such as"
                f" {column.texts[0]!r}, whose first part may be day or month: say --date-format"
                f" {told[0].forms()[0]} or --date-format {told[1].forms()[0]}"
            )
        for family in told:
            forms = _forms_of(sample, column, family)
            column.dates |= forms
            chosen |= dict.fromkeys(forms)
    if any(column.is_enough(column.dates.get(ISO, 0)) for column in columns) or not chosen:
        chosen[ISO] = None
    return chosen


def _likely_families(column: Found) -> list[Family]:
    if column.is_enough(column.dates.get(ISO, 0)):
        return []
    most = max(column.families.values(), default=0)
    return [f for f, n in column.families.items() if n == most and column.is_enough(n)]


def _forms_of(sample: Sample, column: Found, family: Family) -> dict[str, int]:
    """The fewest formats of a family that take all of its texts in a column."""
    slot, left, taken = column.field.slot, "true", {}
    for time in ("", " HH:mm", " HH:mm:ss", " H:mm", " H:mm:ss"):
        strict, loose = [f for f in family.forms() if f.partition(" ")[2] == time.strip()]
        (two, any_digits) = sample.one(
            f"SELECT count(*) FILTER (WHERE {is_date(slot, strict)}),"
            f" count(*) FILTER (WHERE {is_date(slot, loose)}) FROM {TABLE} WHERE {left}"
        )
        form = strict if two == any_digits else loose
        if any_digits:
            taken[form] = int(str(any_digits))
            left += f" AND NOT {is_date(slot, form)}"
    return taken


def _words(columns: Sequence[Found]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The texts for yes and no, where some column has others than are read as such anyway."""
    true: dict[str, None] = {}
    false: dict[str, None] = {}
    for column in _boolean_columns(columns):
        for text in sorted(column.texts):
            is_true = any(text.casefold() == yes for yes, _ in WORDS)
            (true if is_true else false)[text] = None
    if {t.casefold() for t in (*true, *false)} <= {*USUAL_WORDS}:
        return (), ()
    return tuple(true), tuple(false)


def _boolean_columns(columns: Sequence[Found]) -> Iterator[Found]:
    """Columns with a word for yes and one for no, and no other."""
    for column in columns:
        said = {text.casefold() for text in column.texts}
        column.is_word = any(said == {*pair} for pair in WORDS)
        if column.is_word:
            yield column


def _is_typed(found: Found, marks: Marks, dates: Iterable[str]) -> bool:
    """Whether a column is more than text, so that a word such as NA is none of its values."""
    if not found.field.is_text:
        return bool(pa.types.is_floating(found.field.kind))
    read = [found.marks.get(marks, 0), sum(found.dates.get(form, 0) for form in dates)]
    return found.is_word or any(map(found.is_enough, read))
