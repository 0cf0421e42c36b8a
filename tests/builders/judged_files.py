"""Generated files read again by Python's own readers, and judged by rules written here anew."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from assay.contracts.columns import Column
from assay.generate.truth import Truth, content_hash
from builders.silver_rules import NULL, RULES, Rules, hash_texts

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CASES = {"upper": str.upper, "lower": str.lower}
Record = dict[str, str | None]


@dataclass(frozen=True)
class Good:
    """A good record: its silver values as texts, in contract order."""

    values: dict[str, str]
    row_hash: str


def content_of(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def read_records(path: Path) -> list[Record | str]:
    """Each record by header, or the reason for which it is none. Raises when a file is broken."""
    if path.suffix == ".parquet":
        rows = pq.read_table(path).to_pylist()
        return [{k: None if v is None else str(v) for k, v in row.items()} for row in rows]
    text = content_of(path).decode()
    if ".csv" in path.suffixes:
        header, *records = csv.reader(io.StringIO(text, newline=""), strict=True)
        return [read_csv_record(header, record) for record in records]
    if ".jsonl" in path.suffixes:
        return [read_json_record(line) for line in text.splitlines()]
    return [flatten(one) for one in json.loads(text, parse_float=str, parse_int=str)]


def read_csv_record(header: list[str], record: list[str]) -> Record | str:
    if record == header:
        return "record.repeated_header"
    if len(record) != len(header):
        return "record.malformed"
    return dict(zip(header, record, strict=True))


def read_json_record(line: str) -> Record | str:
    try:
        return flatten(json.loads(line, parse_float=str, parse_int=str))
    except json.JSONDecodeError:
        return "record.malformed"


def flatten(record: dict[str, Any]) -> Record:
    flat: Record = {}
    for name, value in record.items():
        inner = value if isinstance(value, dict) else {}
        flat.update({f"{name}.{key}": text for key, text in inner.items()} or {name: value})
    return flat


def judge_value(column: Column, delivered: str | None) -> tuple[str | None, str]:
    """The reason of a bad value, or none; and the text of a good one for the row hash."""
    value = (delivered or "").strip(" ")
    value = CASES.get(column.standardise, str)(value)
    if not value:
        return (None if column.nullable else "missing"), NULL
    if column.allowed and value not in column.allowed:
        return "unknown", value
    try:
        return read_typed(column, value)
    except ValueError:
        return "unparseable", value


def read_typed(column: Column, value: str) -> tuple[str | None, str]:
    if column.type == "timestamp":
        moment = datetime.fromisoformat(value)
        utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return None, str((utc - EPOCH) // timedelta(microseconds=1))
    if column.type == "date":
        return None, date.fromisoformat(value).isoformat()
    if column.type == "string":
        return None, value
    plain = rf"-?\d+(\.\d{{1,{column.scale}}})?" if column.is_decimal else r"-?\d+"
    if not re.fullmatch(plain, value):
        raise ValueError(value)
    number = Decimal(value)
    low, high = Decimal(column.minimum or 0), Decimal(column.maximum or 10**15)
    reason = None if low <= number <= high else "out_of_range"
    return reason, f"{number:.{column.scale}f}" if column.is_decimal else str(number)


def judge(dataset: str, record: Record | str) -> Good | tuple[str, ...]:
    """A good record, or the reasons against it."""
    if isinstance(record, str):
        return (record,)
    rules = RULES[dataset]
    texts = {rules.renamed.get(header, header): text for header, text in record.items()}
    judged = {c.name: judge_value(c, texts.get(c.name)) for c in rules.columns}
    reasons = {f"{name}.{reason}": None for name, (reason, _) in judged.items() if reason}
    values = {name: value for name, (_, value) in judged.items()}
    reasons |= dict.fromkeys(rules.row_rules(values))
    if reasons:
        return tuple(reasons)
    values = rules.derive(values, texts)
    return Good(values, hash_texts(values.values()))


def classify(rules: Rules, good: list[Good]) -> tuple[Counter[str], list[Good]]:
    by_key: dict[tuple[str, ...], list[Good]] = defaultdict(list)
    for record in good:
        by_key[tuple(record.values[key] for key in rules.keys)].append(record)
    classes: Counter[str] = Counter()
    winners = []
    for delivered in by_key.values():  # in their order; of equal versions the last one wins
        versions = sorted(delivered, key=lambda r: int(r.values[rules.version]))[::-1]
        winners.append(versions[0])
        better = ""
        for version in versions:
            copy = version.row_hash == better
            classes["duplicate" if copy else "superseded" if better else "new"] += 1
            better = version.row_hash
    return classes, winners


def sums(rules: Rules, records: list[Good]) -> dict[str, str]:
    texts = {name: [record.values[name] for record in records] for name in rules.sums}
    return {
        name: str(sum(Decimal(text) for text in texts[name] if text != NULL)) for name in rules.sums
    }


def assert_true(truth: Truth, folder: Path) -> None:
    """The truth, file by file and as a whole, is what the files say."""
    rules = RULES[truth.dataset]
    every_good: list[Good] = []
    for file in truth.files:
        judged = [judge(truth.dataset, record) for record in read_records(folder / file.name)]
        good = [verdict for verdict in judged if isinstance(verdict, Good)]
        reasons = Counter(r for verdict in judged if isinstance(verdict, tuple) for r in verdict)
        assert (file.records, file.good) == (len(judged), len(good)), file.name
        assert file.quarantined == len(judged) - len(good), file.name
        assert file.reasons == dict(reasons), file.name
        every_good += good
    classes, winners = classify(rules, every_good)
    found = {name: classes[name] for name in ("new", "duplicate", "superseded")}
    assert truth.classes == {**found, "updated": 0, "quarantined": truth.quarantined}
    assert truth.silver_rows == len(winners)
    assert truth.good_sums == sums(rules, every_good)
    assert truth.silver_sums == sums(rules, winners)
    assert truth.content_hash == content_hash(record.row_hash for record in winners)
