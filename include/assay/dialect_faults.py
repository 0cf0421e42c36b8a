"""What is wrong with the dialect and the text forms of a source, before anything is made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, fields
from itertools import pairwise

from assay.dialect import DATE_PARTS, ISO, Dialect, TextForms, date_parts
from assay.facts import Facts, nearest

DIALECT = tuple(field.name for field in fields(Dialect))
FORMS = tuple(field.name for field in fields(TextForms))
# Python, Spark and the auditor decode these alike, see `landing.encoding`.
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252")
DECIMALS = (".", ",")
THOUSANDS = ("", ".", ",", "'", "\u2019", "_", " ", "\u00a0", "\u202f")
BETWEEN_PARTS = "/.-:,_ T"
ONE_CHARACTER = "one character of ASCII that is no letter, digit, blank or backslash"


def dialect_faults(source: Facts) -> Iterator[str]:
    """Each fault in a few words; keys that are not given have no fault."""
    told = {**asdict(Dialect()), **asdict(TextForms()), **source}
    yield from _character_faults(told)
    if told["encoding"] not in ENCODINGS:
        close = nearest(str(told["encoding"]), ENCODINGS)
        yield f"encoding: {told['encoding']!r} is not one that all readers know{close}"
    if not isinstance(told["header"], bool):
        yield f"header: {told['header']!r} is not true or false"
    elif not told["header"] and "shapes" in source:
        yield "shapes: files without a header have their columns by position"
    yield from _number_faults(told)
    yield from _date_faults(told["date_formats"])
    yield from _value_faults(told)
    yield from _pattern_faults(told)


def _character_faults(told: Facts) -> Iterator[str]:
    for key in ("delimiter", "quote"):
        if not _is_mark(told[key], is_delimiter=key == "delimiter"):
            tab = '; a tab is written "\\t", in double quotes' if key == "delimiter" else ""
            yield f"{key}: {told[key]!r} is not {ONE_CHARACTER}{tab}"
    if told["delimiter"] == told["quote"]:
        yield f"quote: {told['quote']!r} is the delimiter as well"


def _is_mark(text: object, *, is_delimiter: bool) -> bool:
    if not isinstance(text, str) or len(text) != 1 or not text.isascii():
        return False
    is_separator = is_delimiter and text in "\t\x01\x1c\x1d\x1e\x1f"
    return is_separator or (text.isprintable() and not text.isalnum() and text not in " \\")


def _number_faults(told: Facts) -> Iterator[str]:
    if told["decimal"] not in DECIMALS:
        yield f"decimal: {told['decimal']!r} is not '.' or ','"
    if told["thousands"] not in THOUSANDS:
        marks = ", ".join(map(repr, THOUSANDS[1:]))
        yield f"thousands: {told['thousands']!r} is not one of {marks}"
    elif told["thousands"] == told["decimal"]:
        yield f"thousands: {told['thousands']!r} is the decimal mark as well"


def _date_faults(formats: object) -> Iterator[str]:
    if not isinstance(formats, list | tuple) or not formats:
        yield f"date_formats: {formats!r} is not a list of formats"
        return
    shapes: dict[str, str] = {}
    for form in formats:
        faults = [*_format_faults(form)]
        yield from (f"date_formats: {form!r} {fault}" for fault in faults)
        if not faults:
            for shape in _shapes(form):
                other = shapes.setdefault(shape, form)
                if other is not form:
                    yield f"date_formats: {other!r} and {form!r} take the same texts"
                    break


def _format_faults(form: object) -> Iterator[str]:
    if form == ISO:
        return
    parts = date_parts(form) if isinstance(form, str) else []
    letters = Counter(part[0] for part in parts if part in DATE_PARTS)
    unknown = [p for p in parts if p not in DATE_PARTS and p not in BETWEEN_PARTS]
    if unknown:
        yield f"has {unknown[0]!r}; a format is of {', '.join(DATE_PARTS)} and of {BETWEEN_PARTS!r}"
    elif not {"y", "M", "d"} <= letters.keys() or max(letters.values()) > 1:
        yield "has not year, month and day once each, such as dd/MM/yyyy"
    elif ("H" in letters) != ("m" in letters) or letters["s"] > letters["m"]:
        yield "has a time without hour or minute; a time is HH:mm or HH:mm:ss"
    elif any(
        part in ("M", "d", "H") and after in DATE_PARTS
        for pair in pairwise(parts)
        for part, after in (pair, pair[::-1])
    ):
        yield "has one or two digits beside others; write two letters, or a mark between them"


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


def _value_faults(told: Facts) -> Iterator[str]:
    seen: dict[str, str] = {}
    for key in ("null_values", "true_values", "false_values"):
        if not isinstance(told[key], list | tuple):
            yield f"{key}: {told[key]!r} is not a list of texts"
            continue
        for text in told[key]:
            if not isinstance(text, str):
                yield f"{key}: {text!r} is not a text; put it in quotes"
            elif (other := seen.setdefault(text, key)) != key:
                yield f"{key}: {text!r} is one of {other} as well"
    for key, counterpart in (("true_values", "false_values"), ("false_values", "true_values")):
        if told[key] and not told[counterpart]:
            yield f"{counterpart} is missing; {key} needs its counterpart"


def _pattern_faults(told: Facts) -> Iterator[str]:
    """Keys that would be without effect, or would read a typed value as a text of the feed."""
    patterns = told.get("patterns")
    suffixes = [str(p).removesuffix(".gz").casefold() for p in patterns or ()]
    is_csv = [suffix.endswith(".csv") for suffix in suffixes]
    for key in _changed(told) if suffixes else ():
        if key in DIALECT and not any(is_csv):
            yield f"{key}: no file of the patterns is CSV, so it has no meaning"
        if key in ("decimal", "thousands") and not all(is_csv):
            yield f"{key}: JSON and Parquet have numbers of their own; all patterns must be of CSV"
        if key == "date_formats" and any(s.endswith(".parquet") for s in suffixes):
            yield f"{key}: Parquet has dates of its own; no pattern may be of Parquet"


def _changed(told: Facts) -> Iterator[str]:
    for key, usual in {**asdict(Dialect()), **asdict(TextForms())}.items():
        if (tuple(told[key]) if isinstance(told[key], list) else told[key]) != usual:
            yield key
