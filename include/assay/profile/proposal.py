"""A proposal for a dataset: what its contract would say, why, and what a person has to decide."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assay.contracts.dialect import Dialect, TextForms
from assay.profile.columns import Typed, type_columns
from assay.profile.forms import find_forms
from assay.profile.given import Given
from assay.profile.keys import Keys, find_event_time, find_keys
from assay.profile.names import column_names
from assay.profile.read import MOST_RECORDS, read_sample
from assay.profile.sample import TABLE, Sample
from assay.profile.sniff import tells_cp1252
from assay.words import count

FEW = 20  # records, of which nothing is taken for a rule
ENOUGH = 100  # values, from which a bound or a vocabulary is proposed
MOST_WORDS, LEAST_OF_A_WORD, LONGEST_WORD = 20, 5, 60
PERSONAL = re.compile(
    r"(^|_)(e?mail|phone|telephone|mobile|iban|ssn|passport|birth\w*|ip|address|street)($|_)"
    r"|(^|_)(first|last|full|given|family)_?name|surname|(customer|person|patient)_name"
)


@dataclass(frozen=True)
class ProposedColumn:
    """One column of the contract, with its evidence in one line."""

    typed: Typed
    evidence: str
    nullable: bool
    minimum: str = ""
    allowed: tuple[str, ...] = ()
    money: bool = False
    sensitive: bool = False


@dataclass(frozen=True)
class Proposal:
    """Everything that the file of a dataset is written from; `decisions` are for a person."""

    name: str
    files: tuple[str, ...]
    records: int
    patterns: tuple[str, ...]
    is_csv: bool
    dialect: Dialect
    forms: TextForms
    columns: tuple[ProposedColumn, ...]
    keys: tuple[str, ...]
    keys_evidence: str
    event_time: str
    event_time_evidence: str
    latest_delivery: bool
    owner: str
    hash_key: str = ""
    decisions: tuple[str, ...] = field(default=())


def propose(name: str, paths: Sequence[Path], given: Given) -> Proposal:
    """Profile files of one feed. Raises SampleError, naming file, column and the flag to decide."""
    sample = read_sample(paths, given)
    found = find_forms(sample, given)
    typed = type_columns(sample, found)
    hash_key = column_names([given.hash_key])[0] if given.hash_key else ""
    time, other_times = find_event_time(typed, given)
    keys = Keys((hash_key,), 0) if hash_key else find_keys(sample, typed, given)
    fixed = {*keys.names, time.name if time else ""}
    columns = [_column(sample, each, fixed, keys.names) for each in typed]
    is_history = time is None or time.name in keys.names or bool(hash_key)
    decisions = [
        *_of_sample(sample, paths, found.forms),
        *_of_keys(sample, keys, time, hash_key),
        *_of_time(time, other_times),
        *(line for column in columns for line in _of_column(column)),
        *([] if given.owner else ["owner: whose dataset is it?"]),
    ]
    return Proposal(
        name=name,
        files=sample.names,
        records=sample.records,
        patterns=sample.patterns,
        is_csv=any(".csv" in pattern for pattern in sample.patterns),
        dialect=sample.dialect,
        forms=found.forms,
        columns=tuple(columns),
        keys=keys.names,
        keys_evidence=_keys_evidence(sample, keys, hash_key),
        event_time=time.name if time else keys.names[0],
        event_time_evidence=_time_evidence(time),
        latest_delivery=is_history,
        owner=given.owner or "unknown",
        hash_key=hash_key,
        decisions=tuple(decisions),
    )


def _column(sample: Sample, typed: Typed, fixed: set[str], keys: Sequence[str]) -> ProposedColumn:
    is_full = typed.nulls == 0 and sample.records >= FEW
    is_personal = PERSONAL.search(typed.name) is not None
    is_key = typed.name in keys
    words = () if is_key or is_personal else _vocabulary(sample, typed)
    is_positive = typed.is_number and not typed.least.startswith("-") and typed.values >= ENOUGH
    return ProposedColumn(
        typed=typed,
        evidence=_evidence(sample, typed, is_personal=is_personal),
        nullable=not (is_full or typed.name in fixed),
        minimum="0" if is_positive and not is_key else "",
        allowed=words,
        money=typed.type.startswith("decimal") and not is_key,
        sensitive=is_personal,
    )


def _vocabulary(sample: Sample, typed: Typed) -> tuple[str, ...]:
    """All texts of a column, if they are few, short, and each is there often enough."""
    if typed.type != "string" or typed.values < ENOUGH or not 1 < typed.different <= MOST_WORDS:
        return ()
    query = f"SELECT {typed.text}, count(*) FROM {TABLE} GROUP BY 1 ORDER BY 1"
    found = [row for row in sample.database.execute(query).fetchall() if row[0] is not None]
    texts = [text for text, _ in found]
    is_rare = any(number < LEAST_OF_A_WORD for _, number in found)
    is_one_word = len({text.casefold() for text in texts}) == len(texts)
    is_short = typed.longest <= LONGEST_WORD and all(text.isprintable() for text in texts)
    return tuple(texts) if not is_rare and is_one_word and is_short else ()


def _evidence(sample: Sample, typed: Typed, *, is_personal: bool) -> str:
    parts = [f"{typed.values:,} of {count(sample.records, 'record')}", f"{typed.nulls:,} null"]
    if typed.unread:
        parts.append(f"{typed.unread:,} not of this type, such as {typed.example!r}")
    if typed.inexact:
        parts.append(f"{typed.inexact:,} rounded, such as {typed.example_rounded!r}")
    if typed.type in ("string", "boolean"):
        parts.append(f"{typed.different:,} different, up to {typed.longest:,} bytes")
    elif typed.least and not is_personal:
        parts.append(f"{typed.least} to {typed.most}")
    return ", ".join(parts)


def _keys_evidence(sample: Sample, keys: Keys, hash_key: str) -> str:
    if hash_key:
        return "a hash of all columns: records that agree in every one are one"
    shared = "no two" if not keys.repeated else f"{keys.repeated:,}"
    others = "".join(f"; so would {', '.join(other)}" for other in keys.others)
    return f"{shared} of {count(sample.records, 'record')} share it{others}"


def _time_evidence(time: Typed | None) -> str:
    if time is None:
        return "no column says when, so the latest delivered file wins"
    return f"{time.least} to {time.most}"


def _of_sample(sample: Sample, paths: Sequence[Path], forms: TextForms) -> Iterator[str]:
    if sample.is_cut:
        yield f"only the first {MOST_RECORDS:,} records were looked at"
    if sample.records < FEW:
        yield (
            f"{count(sample.records, 'record')} say little: look at every type, at the key, and at"
            " what may be null"
        )
    if sample.malformed:
        yield f"{count(sample.malformed, 'record')} do not fit the header: they would be malformed"
    yield from sample.left_out
    if sample.dialect.encoding == "cp1252" and not any(map(tells_cp1252, paths)):
        yield "encoding: cp1252 and latin-1 read these files alike; cp1252 is proposed"
    if forms.null_values:
        listed = ", ".join(forms.null_values)
        yield f"null_values: {listed} would say nothing in every column, also in one of texts"
    if not sample.dialect.header:
        yield "files have no header: give the columns their names, in the order of the file"


def _of_keys(sample: Sample, keys: Keys, time: Typed | None, hash_key: str) -> Iterator[str]:
    if hash_key:
        return
    listed = ", ".join(keys.names)
    if keys.others:
        yield f"keys: {listed}, or {' or '.join(', '.join(o) for o in keys.others)}: say --key"
    if keys.repeated:
        yield f"keys: {listed} is shared by {count(keys.repeated, 'record')}; the latest wins"
    if time and time.name in keys.names and len(keys.names) > 1:
        rest = ",".join(name for name in keys.names if name != time.name)
        yield f"keys: with {time.name} every version is a row; --key {rest} keeps the latest alone"


def _of_time(time: Typed | None, others: Sequence[Typed]) -> Iterator[str]:
    if time is None:
        yield "event_time: no date or time is there in each record; the latest delivered file wins"
    elif others:
        yield f"event_time: {time.name}, or {', '.join(c.name for c in others)}: say --event-time"


def _of_column(column: ProposedColumn) -> Iterator[str]:
    typed = column.typed
    if typed.unread:
        yield (
            f"{typed.name}: {typed.unread:,} of {typed.values:,} texts are no {typed.type}, such as"
            f" {typed.example!r}: they would be quarantined"
        )
    if typed.inexact:
        yield (
            f"{typed.name}: {typed.inexact:,} of {typed.values:,} texts have more decimals than"
            f" {typed.type}, such as {typed.example_rounded!r}: they would be rounded and counted"
        )
    if column.sensitive:
        yield f"{typed.name}: taken for personal; look for others, and set sensitive: true"
    if typed.values == 0:
        yield f"{typed.name}: no record has a value, so it is a string"
