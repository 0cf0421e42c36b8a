"""The key of a dataset, the smallest set of columns that tells its records apart, and their time.

Records that are the same in every column count once: such a copy is a duplicate under any key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from assay.contracts.facts import nearest
from assay.errors import SampleError
from assay.profile.columns import Typed
from assay.profile.given import Given
from assay.profile.looks import ENOUGH
from assay.profile.sample import TABLE, Sample
from assay.words import count

MOST_KEYS = 3
MOST_CANDIDATES = 12
LONGEST_KEY = 200  # bytes; a longer text says something, it names nothing
NAMES = re.compile(
    r"(^|_)(id|ids|key|uuid|guid|no|nr|num|number|code|sku|isin|ean|symbol|ref"
    r"|line|pos|position|seq|sequence|year|month|week)$"
)
VERSION_NAMES = re.compile(r"updated|modified|changed|version|ingest|loaded|extracted|_ts$")
TIME_NAMES = re.compile(r"time|stamp|date|datum|created|day|_at$|_on$")


@dataclass(frozen=True)
class Keys:
    """Columns of the key, how many records share one with others, and other sets that would do."""

    names: tuple[str, ...]
    repeated: int
    others: tuple[tuple[str, ...], ...] = ()


def find_keys(sample: Sample, columns: Sequence[Typed], given: Given) -> Keys:
    """The given key, else the smallest unique set. Raises SampleError when there is none."""
    distinct = _distinct_records(sample, columns)
    if given.keys:
        told = [find_column(columns, name, "--key") for name in given.keys]
        return Keys(tuple(c.name for c in told), distinct - _groups(sample, told))
    candidates = _candidates(columns)
    chosen: Sequence[Typed]
    nearest_miss: tuple[int, Sequence[Typed]] = (distinct, ())
    for size in range(1, MOST_KEYS + 1):
        unique: list[Sequence[Typed]] = []
        for chosen in _sets(candidates, size, distinct):
            repeated = distinct - _groups(sample, chosen)
            if repeated == 0:
                unique.append(chosen)
            elif repeated < nearest_miss[0]:
                nearest_miss = repeated, chosen
        if unique:
            names = [tuple(c.name for c in chosen) for chosen in unique]
            return Keys(names[0], 0, tuple(names[1:4]))
    raise SampleError(_no_key(sample, distinct, *nearest_miss))


def _no_key(sample: Sample, distinct: int, repeated: int, nearest_set: Sequence[Typed]) -> str:
    names = ",".join(column.name for column in nearest_set)
    told = f"; nearest is {names}, shared by {repeated:,} of {distinct:,}" if names else ""
    return (
        f"{', '.join(sample.names)}: no set of up to {count(MOST_KEYS, 'column')} tells its records"
        f" apart{told}. Name the key by --key, or give each record the hash of all its columns for"
        " a key by --hash-key record_key"
    )


def find_column(columns: Sequence[Typed], name: str, flag: str) -> Typed:
    """The column of a name or header. Raises SampleError, with the nearest, when there is none."""
    for column in columns:
        if name in (column.name, column.field.header):
            return column
    names = [column.name for column in columns]
    raise SampleError(f"{flag} {name}: no such column{nearest(name, names)}")


def _candidates(columns: Sequence[Typed]) -> list[Typed]:
    """Columns that may be part of a key, the likeliest first."""
    first = columns[0].name

    def unlikely(column: Typed) -> tuple[int, int]:
        kind = 3 if column.is_time else 2
        if NAMES.search(column.name):
            kind = 0
        elif column.name == first and not column.is_time:
            kind = 1
        return kind, columns.index(column)

    def may_name(column: Typed) -> bool:
        """A number measures something, unless its name or its place says that it is a name."""
        is_named = NAMES.search(column.name) is not None or column.name == first
        return column.type == "string" or column.is_time or (column.is_whole and is_named)

    able = [
        c
        for c in columns
        if c.nulls == c.unread == 0 and may_name(c) and c.longest <= LONGEST_KEY and c.different > 1
    ]
    return sorted(able, key=unlikely)[:MOST_CANDIDATES]


def _sets(candidates: Sequence[Typed], size: int, distinct: int) -> Iterator[Sequence[Typed]]:
    """Sets that have enough different values, the likeliest first; a time alone is no key."""
    found: list[Sequence[Typed]] = []
    for chosen in combinations(candidates, size):
        most = 1
        for column in chosen:
            most *= column.different
        if most >= distinct and not all(column.is_time for column in chosen):
            found.append(chosen)
    yield from sorted(found, key=lambda chosen: sum(map(candidates.index, chosen)))


def _distinct_records(sample: Sample, columns: Sequence[Typed]) -> int:
    everything = ", ".join(column.field.slot for column in columns)
    sample.database.execute(
        f"CREATE OR REPLACE TABLE different AS SELECT DISTINCT {everything} FROM {TABLE}"
    )
    return int(str(sample.one("SELECT count(*) FROM different")[0]))


def _groups(sample: Sample, columns: Sequence[Typed]) -> int:
    names = ", ".join(column.text for column in columns)
    query = f"SELECT count(*) FROM (SELECT DISTINCT {names} FROM different)"
    return int(str(sample.one(query)[0]))


def find_event_time(columns: Sequence[Typed], given: Given) -> tuple[Typed | None, list[Typed]]:
    """The column that says when, and what else it may be; None when none says it of each record."""
    if given.event_time:
        return find_column(columns, given.event_time, "--event-time"), []
    times = [
        c for c in columns if c.is_time and c.values - c.unread >= ENOUGH * (c.values + c.nulls)
    ]

    def unlikely(column: Typed) -> tuple[bool, bool, bool]:
        is_version, is_time = VERSION_NAMES.search(column.name), TIME_NAMES.search(column.name)
        return column.type == "date", not is_version, not is_time

    ranked = sorted(times, key=unlikely)
    return (ranked[0], ranked[1:]) if ranked else (None, [])
