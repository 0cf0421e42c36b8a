"""The truth of a set of trade files: what the pipeline must make of it, worked out without Spark.

A row hash is the sha256 of the silver values in contract order, joined by U+001F: null as U+001E,
decimals with all digits of their scale, timestamps as microseconds since the epoch. The content
hash of a table is the sha256 of its row hashes, ascending, one after the other.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from assay.errors import SettingsError
from assay.files import write_whole
from assay.generate.options import TradeOptions

CONTENT_HASH_SQL = "sha256(string_agg(row_hash, '' order by row_hash))"

# A copy of an earlier record in the order of its key has the same sequence and hash, so the two
# are neighbours: looking one record back finds every duplicate.
CLASSIFY_SQL = """
create or replace temp table classified as
select row_hash, from_cents, to_cents, case
    when row_number() over key_order = 1 then 'new'
    when lag(row_hash) over key_order = row_hash then 'duplicate'
    else 'superseded' end as class
from good_record
window key_order as (partition by trade order by updated_us desc, row_hash desc)
"""


@dataclass(frozen=True)
class FileTruth:
    """One file. `quarantined` counts records, `reasons` counts each reason of each of them."""

    name: str
    records: int
    good: int
    quarantined: int
    reasons: dict[str, int]


@dataclass(frozen=True)
class RejectedFile:
    """A file that cannot be taken, and what was done to it."""

    name: str
    damage: str


@dataclass(frozen=True)
class Truth:
    """All files taken as one batch into an empty silver table; sums are decimal texts."""

    options: TradeOptions
    files: tuple[FileTruth, ...]
    rejected: tuple[RejectedFile, ...]
    records: int
    good: int
    quarantined: int
    reasons: dict[str, int]
    classes: dict[str, int]
    silver_rows: int
    content_hash: str
    good_sums: dict[str, str]
    silver_sums: dict[str, str]

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1, default=str)

    @classmethod
    def from_json(cls, text: str) -> Truth:
        facts: dict[str, Any] = json.loads(text)
        options = facts["options"]
        options["out"] = Path(options["out"])
        options["truth"] = Path(options["truth"]) if options["truth"] else None
        options["start"] = date.fromisoformat(options["start"])
        facts["options"] = TradeOptions(**options)
        facts["files"] = tuple(FileTruth(**file) for file in facts["files"])
        facts["rejected"] = tuple(RejectedFile(**file) for file in facts["rejected"])
        return cls(**facts)

    @property
    def summary(self) -> dict[str, Any]:
        """Everything but the single files."""
        facts: dict[str, Any] = json.loads(self.to_json())
        return {**facts, "files": len(self.files)}


def read_truth(path: Path) -> Truth:
    """Read a truth file. Raises SettingsError when there is none."""
    if not path.is_file():
        raise SettingsError(f"{path}: no truth file; `assay generate trades` writes one")
    return Truth.from_json(path.read_text())


def write_truth(truth: Truth) -> Path:
    write_whole(truth.options.truth_path, truth.to_json() + "\n")
    return truth.options.truth_path


def content_hash(row_hashes: Iterable[str]) -> str:
    """The content hash of a table, from its row hashes in any order."""
    digest = hashlib.sha256()
    for row_hash in sorted(row_hashes):
        digest.update(row_hash.encode())
    return digest.hexdigest()


def create_good_records(connection: duckdb.DuckDBPyConnection) -> None:
    """The table that collects what the truth needs of every good record."""
    connection.execute(
        "create table good_record (trade bigint, updated_us bigint, row_hash blob,"
        " from_cents bigint, to_cents bigint)"
    )


def conclude(
    connection: duckdb.DuckDBPyConnection,
    options: TradeOptions,
    files: tuple[FileTruth, ...],
    rejected: tuple[RejectedFile, ...],
) -> Truth:
    """Classify the table `good_record` and sum everything up."""
    connection.execute(CLASSIFY_SQL)
    counted = connection.execute(
        "select class, count(*), sum(from_cents), sum(to_cents) from classified group by class"
    ).fetchall()
    by_class = {name: (records, start, end) for name, records, start, end in counted}
    none = (0, 0, 0)
    quarantined = sum(file.quarantined for file in files)
    classes = {
        "new": by_class.get("new", none)[0],
        "updated": 0,
        "duplicate": by_class.get("duplicate", none)[0],
        "superseded": by_class.get("superseded", none)[0],
        "quarantined": quarantined,
    }
    reasons = sum((Counter(file.reasons) for file in files), Counter[str]())
    return Truth(
        options=options,
        files=files,
        rejected=rejected,
        records=sum(file.records for file in files),
        good=sum(file.good for file in files),
        quarantined=quarantined,
        reasons=dict(sorted(reasons.items())),
        classes=classes,
        silver_rows=classes["new"],
        content_hash=_silver_hash(connection),
        good_sums=_sums(by_class.values()),
        silver_sums=_sums([by_class.get("new", none)]),
    )


def _silver_hash(connection: duckdb.DuckDBPyConnection) -> str:
    """As CONTENT_HASH_SQL, but in pieces: one text of all hashes would be the largest of all."""
    digest = hashlib.sha256()
    rows = connection.execute("select row_hash from classified where class = 'new' order by 1")
    while piece := rows.fetchmany(10_000):
        digest.update(b"".join(row_hash for (row_hash,) in piece).hex().encode())
    return digest.hexdigest()


def _sums(counted: Iterable[tuple[int, int, int]]) -> dict[str, str]:
    totals = [sum(values) for values in zip(*counted, strict=True)] or [0, 0, 0]
    return {
        "from_cost": f"{totals[1] // 100}.{totals[1] % 100:02d}",
        "to_cost": f"{totals[2] // 100}.{totals[2] % 100:02d}",
    }
