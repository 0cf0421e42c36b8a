"""The records of sample files as one table of texts: what bronze would hold of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from assay.contracts.dialect import Dialect
from assay.verify.spelling import text_of
from assay.verify.text import BLANKS

TABLE = "sample"


@dataclass(frozen=True)
class Field:
    """One column of the files; `slot` is its name in the table, `kind` its type in Parquet."""

    header: str
    slot: str
    kind: pa.DataType | None = None

    @property
    def is_text(self) -> bool:
        """Whether its values are texts, whose type has to be found out."""
        return self.kind is None or pa.types.is_string(self.kind)


@dataclass
class Sample:
    """The records of all files in a table `sample` of DuckDB, blanks as null."""

    database: duckdb.DuckDBPyConnection
    patterns: tuple[str, ...]
    names: tuple[str, ...]
    dialect: Dialect
    is_csv: bool
    has_parquet: bool
    fields: list[Field] = field(default_factory=list)
    records: int = 0
    malformed: int = 0
    is_cut: bool = False
    left_out: list[str] = field(default_factory=list)

    def one(self, query: str) -> tuple[object, ...]:
        """The only row of a query."""
        (found,) = self.database.execute(query).fetchall()
        return tuple(found)


def slot_of(sample: Sample, header: str, kind: pa.DataType | None) -> str:
    """The column of the table for a header, which any spelling of it shares."""
    for known in sample.fields:
        if known.header.strip().casefold() == header.strip().casefold():
            return known.slot
    slot = f"c{len(sample.fields)}"
    sample.fields.append(Field(header, slot, kind))
    sample.database.execute(f"ALTER TABLE {TABLE} ADD COLUMN {slot} VARCHAR")
    return slot


def insert(sample: Sample, batch: pa.RecordBatch, slots: list[str]) -> None:
    """Add records; one without any value, which of JSON is no object, is left out."""
    table = pa.Table.from_batches([batch])
    texts = [
        f"nullif(trim({_spelt(name, kind)}, {BLANKS}), '') AS t{at}"
        for at, (name, kind) in enumerate(zip(table.schema.names, table.schema.types, strict=True))
    ]
    found = [f"t{at}" for at in range(len(texts))]
    sample.database.register("batch", table)
    (before,) = sample.one(f"SELECT count(*) FROM {TABLE}")
    sample.database.execute(
        f"INSERT INTO {TABLE} (record, {', '.join(dict.fromkeys(slots))})"
        f" SELECT 0, {', '.join(_merged(slots, found))} FROM (SELECT {', '.join(texts)} FROM batch)"
        f" WHERE coalesce({', '.join(found)}) IS NOT NULL"
    )
    (after,) = sample.one(f"SELECT count(*) FROM {TABLE}")
    sample.database.unregister("batch")
    added = int(str(after)) - int(str(before))
    sample.malformed += table.num_rows - added
    sample.records += added


def _spelt(name: str, kind: pa.DataType) -> str:
    """A column as bronze spells it: a float with its shortest digits, and without an exponent."""
    if not pa.types.is_floating(kind):
        return text_of(name, kind)
    is_plain = f"regexp_full_match(\"{name}\"::VARCHAR, '-?[0-9.]+')"
    return f'CASE WHEN {is_plain} THEN "{name}"::VARCHAR ELSE {text_of(name, kind)} END'


def _merged(slots: list[str], texts: list[str]) -> list[str]:
    """Of a slot that a file has in several spellings, the first text that is there."""
    found: dict[str, list[str]] = {}
    for slot, text in zip(slots, texts, strict=True):
        found.setdefault(slot, []).append(text)
    return [f"coalesce({', '.join(parts)})" for parts in found.values()]


def drop_outer_names(sample: Sample) -> None:
    """Of JSON, an object is no column beside its own fields, whether or not some are null."""
    for each in [*sample.fields]:
        is_outer = any(f.header.startswith(f"{each.header}.") for f in sample.fields)
        values = f"SELECT count({each.slot}) FROM {TABLE} WHERE NOT starts_with({each.slot}, '{{')"
        if is_outer and sample.one(values) == (0,):
            sample.fields.remove(each)
