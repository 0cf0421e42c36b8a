"""What the name of a delivered file says, and how a name that is awkward is written down."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from datetime import UTC, date, datetime

UNFINISHED_PREFIXES = (".", "_")
UNFINISHED_SUFFIXES = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp")
LONGEST_NAME = 230  # of 255 bytes: a temporary name around it must fit as well
PATCH_PREFIX = "patch-"
PATCH_NAME = rf"(^|/){PATCH_PREFIX}[^/]*$"
# Columns of a patch that are not of the source: which quarantined row a record replaces, and why
# that is there. The second is for people.
PATCHED_ROW, REASONS_OF_PATCH = "row_id", "reasons"
# 2026-01-05, 2026_01_05, 2026.01.05 or 20260105, which a time of day may follow.
DATE_IN_NAME = re.compile(r"(?<!\d)((?:19|20)\d{2})([-_.]?)(\d{2})\2(\d{2})(?:\d{4}|\d{6})?(?!\d)")


def is_final(name: str) -> bool:
    """Whether a file, or a folder, of this name is complete; writers mark the others."""
    return not name.startswith(UNFINISHED_PREFIXES) and not name.casefold().endswith(
        UNFINISHED_SUFFIXES
    )


def file_date(name: str, mtime: float) -> str:
    """The day that a file belongs to: the first date in its name, else its landing day in UTC."""
    for found in dates_in(name):
        return found
    return datetime.fromtimestamp(mtime, UTC).date().isoformat()


def dates_in(name: str) -> list[str]:
    """The different days that a name speaks of, year first; in the order of the name."""
    found: dict[str, None] = {}
    for year, _, month, day in DATE_IN_NAME.findall(name):
        with suppress(ValueError):
            found[date(int(year), int(month), int(day)).isoformat()] = None
    return [*found]


def unclear_day(name: str) -> str:
    """Why a file was given its day, when its name alone does not say so plainly; else empty."""
    days = dates_in(name)
    if len(days) == 1:
        return ""
    if days:
        return f"the first of the dates in its name, {days[0]}"
    return "the day that it landed: no date in its name, such as 2026-01-31 or 20260131"


def writable_name(name: str) -> str:
    """The name as text that Postgres and JSON can hold; bytes that are not UTF-8 are spelt out."""
    delivered = os.fsencode(name)
    text = delivered.decode("utf-8", "backslashreplace")
    return text if text == name else f"{text}~{hashlib.sha256(delivered).hexdigest()[:8]}"


def fit_name(name: str, suffix: str = "") -> str:
    """The name with the suffix; cut, and made unique by a hash, when it is too long for a file."""
    whole = os.fsencode(name + suffix)
    if len(whole) <= LONGEST_NAME:
        return name + suffix
    mark = "~" + hashlib.sha256(os.fsencode(name)).hexdigest()[:8] + suffix
    kept = os.fsencode(name)[: LONGEST_NAME - len(os.fsencode(mark))]
    return kept.decode("utf-8", "ignore") + mark


def is_patch(name: str) -> bool:
    """Whether a file corrects quarantined rows: only a run with source=patch takes it."""
    return re.search(PATCH_NAME, name) is not None
