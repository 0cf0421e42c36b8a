"""Conditions of SQL on a text: is it a number, a date or a yes, in which spelling?

For a proposal only. What becomes of a text at run time is decided in Spark by the contract, in
`spark_jobs.transformations.text`; a column is proposed to be read in no wider a way than that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from assay.contracts.date_formats import ISO, date_parts
from assay.contracts.dialect import Decimal, TextForms, Thousands

# Spellings of "no value" that stand in columns of numbers and dates.
NULLS = (
    *("NA", "N/A", "n/a", "NULL", "null", "None", "none", "NaN", "nan", "-", "--", "?", "\\N"),
    *("#N/A", "(null)", "nil", "k. A.", "k.A.", "s/o", "."),
)
# Yes and no in the languages that exports come in; both are compared without regard to case.
WORDS = (
    *(("true", "false"), ("yes", "no"), ("t", "f"), ("y", "n")),
    *(("ja", "nein"), ("oui", "non"), ("si", "no"), ("s\u00ed", "no"), ("sim", "n\u00e3o")),
    *(("ja", "nee"), ("tak", "nie"), ("wahr", "falsch"), ("vrai", "faux")),
)
USUAL_WORDS = ("true", "false", "yes", "no", "t", "f", "y", "n")
# Decimal mark and thousands mark, the likelier pair first.
Marks = tuple[Decimal, Thousands]
MARKS: tuple[Marks, ...] = (
    *((".", ""), (",", ""), (".", ","), (",", "."), (",", " "), (",", "\u00a0"), (",", "\u202f")),
    *((".", "'"), (".", "\u2019"), (".", " ")),
)
WHOLE, ZERO_PADDED = r"[+-]?\d+", r"[+-]?0\d+"
ISO_DATE, OFFSET = r"\d{4}-\d{2}-\d{2}", r"( ?(Z|z|UTC|[+-]\d{2}(:?\d{2})?))?"
ISO_TIME = rf"{ISO_DATE}[Tt ]\d{{2}}:\d{{2}}(:\d{{2}}([.]\d{{1,6}}0{{0,3}})?)?{OFFSET}"
DIGITS = {"yyyy": r"\d{4}", "M": r"\d{1,2}", "d": r"\d{1,2}", "H": r"\d{1,2}"}
DIGITS |= dict.fromkeys(("MM", "dd", "HH", "mm", "ss"), r"\d{2}")
STRPTIME = {"y": "%Y", "M": "%m", "d": "%d", "H": "%H", "m": "%M", "s": "%S"}
TIMES = ("", " HH:mm", " HH:mm:ss", " H:mm", " H:mm:ss")


@dataclass(frozen=True)
class Family:
    """Date formats of one order of day, month and year with one mark between them."""

    order: str
    mark: str

    def forms(self) -> list[str]:
        """Each format of it: two digits before one or two, without a time before with one."""
        parts = [{"y": "yyyy", "M": month, "d": day} for month, day in (("MM", "dd"), ("M", "d"))]
        days = [self.mark.join(part[letter] for letter in self.order) for part in parts]
        return [day + time for time, day in product(TIMES, days)]


FAMILIES = tuple(
    Family(order, mark)
    for mark, order in product("/.-", ("dMy", "Mdy", "yMd"))
    if (order, mark) != ("yMd", "-")  # which is ISO 8601
)


def number_pattern(decimal: str, thousands: str) -> str:
    """A number with these marks; between thousands there are three digits."""
    grouped = rf"|\d{{1,3}}([{thousands}]\d{{3}})+" if thousands else ""
    return rf"[+-]?((\d+{grouped})([{decimal}]\d*)?|[{decimal}]\d+)"


def float_pattern(decimal: str, thousands: str) -> str:
    """As `number_pattern`, with the exponent that floats may have."""
    return rf"{number_pattern(decimal, thousands)}([eE][+-]?\d{{1,3}})?"


def date_pattern(form: str) -> str:
    """A date of a format, by its digits alone."""
    if form == ISO:
        return f"({ISO_DATE}|{ISO_TIME})"
    return "".join(DIGITS.get(part, re.escape(part)) for part in date_parts(form))


def matches(text: str, pattern: str) -> str:
    return f"regexp_full_match({text}, {quote(pattern)})"


def is_date(text: str, form: str) -> str:
    """A condition: a date that there is, in a format."""
    if form == ISO:
        exists = f"TRY_CAST(left({text}, 10) AS DATE) IS NOT NULL"
    else:
        parts = [STRPTIME[p[0]] if p in DIGITS else p for p in date_parts(form)]
        exists = f"try_strptime({text}, {quote(''.join(parts))}) IS NOT NULL"
    return f"({matches(text, date_pattern(form))} AND {exists})"


def date_value(text: str, forms: Iterable[str]) -> str:
    """The moment that a text says in one of the formats, to be compared with others."""
    iso = f"TRY_CAST(left(replace({text}, 'T', ' '), 19) AS TIMESTAMP)"
    read = []
    for form in forms:
        parts = [STRPTIME[p[0]] if p in DIGITS else p for p in date_parts(form)]
        read.append(iso if form == ISO else f"try_strptime({text}, {quote(''.join(parts))})")
    return f"coalesce({', '.join(read)})"


def plain_number(text: str, forms: TextForms) -> str:
    """The text of a number with a point and without thousands marks."""
    bare = f"replace({text}, {quote(forms.thousands)}, '')" if forms.thousands else text
    return f"replace({bare}, {quote(forms.decimal)}, '.')" if forms.decimal != "." else bare


def is_one_of(text: str, values: Iterable[str]) -> str:
    """A condition, false where there are no values."""
    listed = ", ".join(map(quote, values))
    return f"{text} IN ({listed})" if listed else "false"


def quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
