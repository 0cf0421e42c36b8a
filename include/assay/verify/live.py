"""The rows of live, counted by slice, and their values against the slices that they are from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from assay.contracts.columns import Column
from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from assay.storage.addresses import as_place
from assay.storage.objects import exists, on_this_machine
from assay.verify.books import Row
from assay.verify.content import fingerprint
from assay.verify.evidence import Evidence, exact
from assay.verify.records import how_to_read, read_numbered
from assay.verify.report import Check
from assay.verify.spelling import CRLF, LF, text_of
from assay.verify.text import typed
from assay.words import count

PLACE = [Column("slice_id"), Column("record_number", "bigint")]
SHOWN = 5


@dataclass
class LiveRows:
    """live.<table> and its errors, in the snapshot of the books."""

    evidence: Evidence
    silver: Contract

    @property
    def table(self) -> str:
        return f"live.{self.silver.serving.partition('.')[2]}"

    @property
    def columns(self) -> list[Column]:
        return [*self.silver.columns, *PLACE]

    @cached_property
    def good(self) -> str:
        return self.evidence.load_postgres(self.table, self.columns)

    @cached_property
    def bad(self) -> str:
        return self.evidence.load_postgres(f"{self.table}_errors", PLACE)

    @cached_property
    def _counts(self) -> dict[str, tuple[int, int]]:
        rows = self.evidence.ask(f"""
            SELECT slice_id, count(*) FILTER (good), count(*) FILTER (NOT good) FROM (
                SELECT slice_id, true AS good FROM {self.good}
                UNION ALL SELECT slice_id, false FROM {self.bad}
            ) GROUP BY slice_id
        """)
        return {slice_id: (good, bad) for slice_id, good, bad in rows}

    def count(self, slice_id: str) -> tuple[int, int]:
        """Good and bad rows of a slice."""
        return self._counts.get(slice_id, (0, 0))

    def strangers(self, known: set[str]) -> Iterator[tuple[str, int]]:
        """Slices that are not among these, and their rows."""
        for slice_id in sorted(self._counts.keys() - known):
            yield slice_id, sum(self._counts[slice_id])


def compare_values(evidence: Evidence, check: Check, live: LiveRows, slices: Sequence[Row]) -> None:
    """Every good row = its record, each text typed as the contract says; and none is twice.

    A slice whose file is not there is left out: whether it should be is told elsewhere.
    """
    if not slices:
        return
    bronze = load_contract("bronze", live.silver.name)
    delivered = f'"records.{live.silver.name}"'
    texts = ", ".join(f'"{name}" VARCHAR' for name in bronze.column_names)
    evidence.database.execute(
        f"CREATE OR REPLACE TABLE {delivered} (slice_id VARCHAR, record_number BIGINT, {texts})"
    )
    for taken in slices:
        _read(evidence, check, bronze, delivered, taken)
    values = [f'{typed(c, live.silver, bronze)} AS "{c.name}"' for c in live.silver.columns]
    columns = _comparable(live.columns)
    wanted = f"(SELECT {', '.join(values)}, slice_id, record_number FROM {delivered})"
    read = f"(SELECT DISTINCT slice_id FROM {delivered})"
    shown = f"(SELECT {columns} FROM {live.good} WHERE slice_id IN {read})"
    expected = (
        f"(SELECT {columns} FROM {wanted} WHERE (slice_id, record_number) IN"
        f" (SELECT (slice_id, record_number) FROM {live.good}))"
    )
    check.saw(f"rows of {live.table}", evidence.ask_one(f"SELECT count(*) FROM {shown}"))
    if fingerprint(evidence, shown) == fingerprint(evidence, expected):
        return
    other = f"(SELECT * FROM {shown} EXCEPT ALL SELECT * FROM {expected})"
    rows = evidence.ask_one(f"SELECT count(*) FROM {other}")
    some = evidence.ask(f"SELECT slice_id, record_number FROM {other} LIMIT {SHOWN}")
    places = ", ".join(f"{slice_id}:{number}" for slice_id, number in some)
    what = f"values in {live.table} = those of the slices"
    check.broken(what, "equal", f"{count(rows, 'row')} not equal; the first are {places}")


def _read(evidence: Evidence, check: Check, bronze: Contract, delivered: str, taken: Row) -> None:
    place = as_place(taken["path"])
    if not exists(place):
        return
    with check.reading("slice file", file=taken["source_file"]), on_this_machine(place) as path:
        for rows in read_numbered(path, bronze, **how_to_read(taken)):
            texts = ", ".join(_text(name, rows) for name in bronze.column_names)
            evidence.database.register("incoming", rows)
            evidence.database.execute(
                f"INSERT INTO {delivered} SELECT '{taken['slice_id']}', record_number, {texts}"
                " FROM incoming"
            )
            evidence.database.unregister("incoming")


def _text(name: str, rows: pa.Table) -> str:
    """The text that bronze will have of a value; no value is none, which an empty text is not."""
    return f'CASE WHEN "{name}" IS NOT NULL THEN {text_of(name, rows.schema.field(name).type)} END'


def _comparable(columns: Sequence[Column]) -> str:
    """The columns under their types, and one end of a line in all of their texts."""
    texts = {c.name for c in columns if c.type == "string"}
    return ", ".join(
        f'replace("{c.name}", {CRLF}, {LF}) AS "{c.name}"' if c.name in texts else exact([c])
        for c in columns
    )
