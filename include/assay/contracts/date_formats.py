"""The formats of dates and times that a contract may name, and what is wrong with one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

ISO = "iso"
DATE_PARTS = ("yyyy", "MM", "M", "dd", "d", "HH", "H", "mm", "ss")
BETWEEN_PARTS = "/.-:,_ T"
# What texts of ISO 8601 are taken, by Spark and by the gateway: Spark alone would take 2026 for a
# date, and much else. Digits beyond microseconds must be zeros.
DAY, OFFSET = r"\d{4}-\d{2}-\d{2}", r"[+-]\d{2}(:?\d{2})?"
SECONDS = r":\d{2}([.]\d{1,6}0{0,3})?"
USUAL_TIME = rf"^{DAY}([T ]\d{{2}}:\d{{2}}({SECONDS}( ?(Z|UTC|{OFFSET}))?)?)?$"
# Spark knows neither small letters nor an offset without seconds.
OTHER_TIME = rf"^{DAY}[Tt ]\d{{2}}:\d{{2}}({SECONDS})?( ?(Z|z|UTC|{OFFSET}))?$"
OFFSET_AFTER_MINUTES = r"([T ]\d{2}:\d{2}) ?(Z|UTC|[+-])"
MIDNIGHT = rf"^{DAY}([Tt ]00:00(:00([.]0+)?)?)?$"
# The parts of a date format, as texts have them; one letter stands for one digit or two.
DIGITS = {"yyyy": r"(\d{4})"}
DIGITS |= dict.fromkeys(("MM", "dd", "HH", "mm", "ss"), r"(\d{2})")
DIGITS |= dict.fromkeys(("M", "d", "H"), r"(\d{1,2})")


def date_parts(form: str) -> list[str]:
    """A date format as parts of a date and the characters between them."""
    return re.findall("yyyy|MM?|dd?|HH?|mm|ss|.", form, re.DOTALL)


def format_faults(formats: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The position of each format that cannot be read by, or not beside an earlier one, and why."""
    shapes: dict[str, str] = {}
    for number, form in enumerate(formats):
        if fault := _fault(form):
            yield number, f"{form!r} {fault}"
            continue
        others = [shapes.setdefault(shape, form) for shape in _shapes(form)]
        if other := next((other for other in others if other is not form), None):
            yield number, f"{other!r} and {form!r} take the same texts"


def _fault(form: str) -> str:
    if form == ISO:
        return ""
    parts = date_parts(form)
    letters = Counter(part[0] for part in parts if part in DATE_PARTS)
    unknown = [p for p in parts if p not in DATE_PARTS and p not in BETWEEN_PARTS]
    if unknown:
        known = f"{', '.join(DATE_PARTS)} and of {BETWEEN_PARTS!r}"
        return f"has {unknown[0]!r}; a format is of {known}"
    if not {"y", "M", "d"} <= letters.keys() or max(letters.values()) > 1:
        return "has not year, month and day once each, such as dd/MM/yyyy"
    if ("H" in letters) != ("m" in letters) or letters["s"] > letters["m"]:
        return "has a time without hour or minute; a time is HH:mm or HH:mm:ss"
    if any(
        part in ("M", "d", "H") and after in DATE_PARTS
        for pair in pairwise(parts)
        for part, after in (pair, pair[::-1])
    ):
        return "has one or two digits beside others; write two letters, or a mark between them"
    return ""


def _shapes(form: str) -> list[str]:
    """What texts of a format look like: how many digits stand between which marks."""
    if form == ISO:
        return ["4-2-2", "4-2-2 2:2", "4-2-2 2:2:2", "4-2-2T2:2", "4-2-2T2:2:2"]
    shape, digits = "", 0
    for part in (*date_parts(form), ""):
        if part in DATE_PARTS:
            digits += 4 if part == "yyyy" else 2
        else:
            shape, digits = f"{shape}{digits or ''}{part}", 0
    return [shape]
