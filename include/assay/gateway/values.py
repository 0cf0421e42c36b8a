"""Whether a delivered text says a value of its column, told without Spark.

What the text says is the business of silver, see `spark_jobs.transformations.text`. Here a producer
is told at once what will be in quarantine; the tests hold both to one table of spellings.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal

from assay.contracts.columns import Column
from assay.contracts.date_formats import DIGITS, ISO, MIDNIGHT, OTHER_TIME, USUAL_TIME, date_parts
from assay.contracts.dialect import BLANKS, TextForms

Text = str | None
WHOLE_RANGES = {"int": 1 << 31, "bigint": 1 << 63}
WHOLE = re.compile(r"([+-]?\d+)(?:[.]0*)?", re.ASCII)
FLOAT = re.compile(r"[+-]?(?:\d+[.]?\d*|[.]\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
BOOLEANS = {"t", "true", "y", "yes", "1", "f", "false", "n", "no", "0"}
ISO_TIMES = re.compile(f"(?:{USUAL_TIME})|(?:{OTHER_TIME})", re.ASCII)
ISO_DATES = re.compile(MIDNIGHT, re.ASCII)
CLOCK = re.compile(r"[Tt ](\d\d):(\d\d)(?::(\d\d))?", re.ASCII)
ZONE = re.compile(r"[+-](\d\d):?(\d\d)?$", re.ASCII)
WIDEST_ZONE = 18 * 60  # minutes, of Java
EXACT = Context(prec=120)


def standardiser(column: Column, forms: TextForms) -> Callable[[str], Text]:
    """What is made of a text before it is typed; None for one that says nothing."""
    nulls = {*forms.null_values}
    if column.standardise == "as_delivered":
        return lambda text: None if text in nulls else text
    cases: dict[str, Callable[[str], str]] = {"upper": str.upper, "lower": str.lower}
    cased = cases.get(column.standardise)
    synonyms, categories = column.synonyms, column.categories

    def standardise(text: str) -> Text:
        text = text.strip(BLANKS)
        if not text or text in nulls:
            return None
        if cased:
            text = cased(text)
        if categories:
            return categories.get(text)
        return synonyms.get(text, text) if synonyms else text

    return standardise


def reader(column: Column, forms: TextForms) -> Callable[[str], bool] | None:
    """Whether a standardised text says a value of the column's type; None where every text does."""
    if column.type == "string":
        return None
    if column.type in ("date", "timestamp"):
        return _moment(column.type, forms)
    if column.type == "boolean":
        words = {*forms.true_values, *forms.false_values}
        if words:
            return words.__contains__
        return lambda text: text.lower() in BOOLEANS
    plain = _plain(forms)
    says = _decimal(column) if column.is_decimal else _whole(column.type)
    return says if plain is None else lambda text: (p := plain(text)) is not None and says(p)


def _whole(kind: str) -> Callable[[str], bool]:
    limit = WHOLE_RANGES[kind]

    def says(text: str) -> bool:
        found = WHOLE.fullmatch(text)
        # Longer than any number of the type, and int() would take its time.
        return found is not None and len(text) < 1_000 and -limit <= int(found[1]) < limit

    return says


def _decimal(column: Column) -> Callable[[str], bool]:
    scale, room = column.scale, column.precision - column.scale
    exact = re.compile(rf"[+-]?(?=[.]?\d)0*(\d*?)([.]\d{{0,{scale}}}0*)?", re.ASCII)

    def says(text: str) -> bool:
        found = exact.fullmatch(text)
        return found is not None and len(found[1]) <= room

    if not column.round:
        return says
    step = Decimal(1).scaleb(-scale)

    def says_rounded(text: str) -> bool:
        if says(text):
            return True
        if not FLOAT.fullmatch(text):
            return False
        value = Decimal(text)
        if not value or value.adjusted() >= room:
            return not value
        rounded = EXACT.plus(value).quantize(step, rounding=ROUND_HALF_EVEN, context=EXACT)
        return not rounded or rounded.adjusted() < room

    return says_rounded


def _plain(forms: TextForms) -> Callable[[str], Text] | None:
    """A number with a point and nothing between its thousands; None where it has no marks."""
    mark, point = forms.thousands, forms.decimal
    if (mark, point) == ("", "."):
        return None
    whole = rf"(?:\d*|\d{{1,3}}(?:[{mark}]\d{{3}})+)" if mark else r"\d*"
    form = re.compile(rf"[+-]?{whole}(?:[{point}]\d*)?(?:[eE][+-]?\d+)?", re.ASCII)

    def plain(text: str) -> Text:
        if not form.fullmatch(text):
            return None
        return (text.replace(mark, "") if mark else text).replace(point, ".")

    return plain


def _moment(kind: str, forms: TextForms) -> Callable[[str], bool]:
    says_iso = _is_iso_date if kind == "date" else _is_iso_time
    others = [_form(form, kind) for form in forms.date_formats if form != ISO]
    has_iso = ISO in forms.date_formats
    if not others:
        return says_iso
    return lambda text: any(says(text) for says in others) or (has_iso and says_iso(text))


def _is_iso_date(text: str) -> bool:
    return ISO_DATES.fullmatch(text) is not None and _is_day(text[:4], text[5:7], text[8:10])


def _is_iso_time(text: str) -> bool:
    if not (ISO_TIMES.fullmatch(text) and _is_day(text[:4], text[5:7], text[8:10])):
        return False
    clock = CLOCK.match(text, 10)
    if clock is None:
        return True
    if not _is_clock(clock[1], clock[2], clock[3]):
        return False
    zone = ZONE.search(text, clock.end())
    if zone is None:
        return True
    minutes = int(zone[2] or 0)
    return minutes < 60 and int(zone[1]) * 60 + minutes <= WIDEST_ZONE


def _form(form: str, kind: str) -> Callable[[str], bool]:
    parts = date_parts(form)
    pattern = re.compile("".join(DIGITS.get(p, re.escape(p)) for p in parts), re.ASCII)
    letters = [part[0] for part in parts if part in DIGITS]

    def says(text: str) -> bool:
        found = pattern.fullmatch(text)
        if found is None:
            return False
        told = dict(zip(letters, found.groups(), strict=True))
        clock = told.get("H", "0"), told.get("m", "0"), told.get("s", "0")
        if kind == "date" and any(int(part) for part in clock):
            return False
        return _is_day(told["y"], told["M"], told["d"]) and _is_clock(*clock)

    return says


def _is_day(year: str, month: str, day: str) -> bool:
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True


def _is_clock(hours: str, minutes: str, seconds: Text) -> bool:
    return int(hours) < 24 and int(minutes) < 60 and int(seconds or 0) < 60
