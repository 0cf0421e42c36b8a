"""The truth of a set of files: what the pipeline must make of it, worked out without Spark.

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
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from assay.errors import SettingsError
from assay.generate.options import SetOptions
from assay.generate.recipe import Recipe
from assay.storage.files import write_whole

CONTENT_HASH_SQL = "sha256(string_agg(row_hash, '' order by row_hash))"

# Of equal versions the one delivered last wins. A copy of the next better record is a duplicate.
CLASSIFY_SQL = """
create or replace temp table classified as
select * exclude (key, version_us), case
    when row_number() over key_order = 1 then 'new'
    when lag(row_hash) over key_order = row_hash then 'duplicate'
    else 'superseded' end as class
from good_record
window key_order as (partition by key order by version_us desc, position desc)
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

    dataset: str
    options: SetOptions
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
        facts["options"] = SetOptions(**options)
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
        raise SettingsError(f"{path}: no truth file; `assay generate` writes one")
    try:
        return Truth.from_json(path.read_text())
    except (KeyError, TypeError, ValueError) as error:
        raise SettingsError(
            f"{path}: not a truth file of this version ({error}); remove it"
        ) from error


def write_truth(truth: Truth) -> Path:
    write_whole(truth.options.truth_path, truth.to_json() + "\n")
    return truth.options.truth_path


def content_hash(row_hashes: Iterable[str]) -> str:
    """The content hash of a table, from its row hashes in any order."""
    digest = hashlib.sha256()
    for row_hash in sorted(row_hashes):
        digest.update(row_hash.encode())
    return digest.hexdigest()


def create_good_records(connection: duckdb.DuckDBPyConnection, recipe: Recipe) -> None:
    """The table that collects what the truth needs of every good record."""
    units = "".join(f", {name}_units bigint" for name in recipe.sums)
    connection.execute(
        f"create table good_record"
        f" (key bigint, version_us bigint, position bigint, row_hash blob{units})"
    )


def collect_good_records(connection: duckdb.DuckDBPyConnection, recipe: Recipe) -> None:
    """Put the good records of table `record` into the table of the truth."""
    read = f"key, version_us, position, unhex(row_hash), {recipe.units}"
    sql = f"select {read} from record"  # noqa: S608
    connection.execute(f"insert into good_record {sql} where defect is null")


def conclude(
    connection: duckdb.DuckDBPyConnection,
    recipe: Recipe,
    options: SetOptions,
    files: tuple[FileTruth, ...],
    rejected: tuple[RejectedFile, ...],
) -> Truth:
    """Classify the table `good_record` and sum everything up."""
    connection.execute(CLASSIFY_SQL)
    counted = connection.execute("select class, count(*) from classified group by class")
    by_class: dict[str, int] = dict(counted.fetchall())
    quarantined = sum(file.quarantined for file in files)
    classes = {
        "new": by_class.get("new", 0),
        "updated": 0,
        "duplicate": by_class.get("duplicate", 0),
        "superseded": by_class.get("superseded", 0),
        "quarantined": quarantined,
    }
    reasons = sum((Counter(file.reasons) for file in files), Counter[str]())
    return Truth(
        dataset=recipe.dataset,
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
        good_sums=_sums(connection, recipe, "true"),
        silver_sums=_sums(connection, recipe, "class = 'new'"),
    )


def _silver_hash(connection: duckdb.DuckDBPyConnection) -> str:
    """As CONTENT_HASH_SQL, but in pieces: one text of all hashes would be the largest of all."""
    digest = hashlib.sha256()
    rows = connection.execute("select row_hash from classified where class = 'new' order by 1")
    while piece := rows.fetchmany(10_000):
        digest.update(b"".join(row_hash for (row_hash,) in piece).hex().encode())
    return digest.hexdigest()


def _sums(connection: duckdb.DuckDBPyConnection, recipe: Recipe, rows: str) -> dict[str, str]:
    """The exact sum of each money column over some rows of `classified`."""
    sums = ", ".join(f"coalesce(sum({column}_units), 0)" for column in recipe.sums)
    found = connection.execute(f"select {sums} from classified where {rows}").fetchall()[0]  # noqa: S608
    return {
        column: f"{Decimal(int(units)).scaleb(-scale):f}"
        for (column, scale), units in zip(recipe.sums.items(), found, strict=True)
    }
