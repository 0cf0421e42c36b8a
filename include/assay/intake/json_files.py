"""Inspection of a delivered JSON file: one record a line, or one array of all records.

Only the structure that two readers must agree on is checked here; a line that is no JSON object
is still a record, and goes to quarantine.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.contracts.model import Contract
from assay.errors import FileRejectedError
from assay.intake.filenames import PATCHED_ROW
from assay.intake.header import is_known, known_names, require_columns
from assay.intake.json_arrays import read_array
from assay.intake.limits import refuse_above
from assay.intake.survey import open_content, survey_bytes

BLANKS = b" \t\r\n"
MOST_FIELDS = 1_000
LONGEST_NAME = 1_000


@dataclass
class Fields:
    """The fields of all records so far; nested ones as `outer.inner`.

    Of those that are no column of the contract the first thousand are kept, for people to see.
    """

    contract: Contract
    names: dict[str, None] = field(default_factory=dict)
    objects: int = 0
    wrapper: str = ""

    def __post_init__(self) -> None:
        """Work out once which names are always kept."""
        self.known = known_names(self.contract) | {PATCHED_ROW}

    def add(self, record: Any) -> None:
        """Take the fields of a record into account, if it is an object."""
        if not isinstance(record, dict):
            return
        self.objects += 1
        for name, value in record.items():
            inner = value if isinstance(value, dict) else {}
            for found in [f"{name}.{key}" for key in inner] or [name]:
                if found not in self.names and self._is_kept(found):
                    self.names[found] = None
            if isinstance(value, list) and value and isinstance(value[0], dict):
                self.wrapper = self.wrapper or name

    def require_columns(self) -> None:
        """Raise FileRejectedError when a required column is in no record."""
        names = [*self.names]
        if self.objects == 1 and self.wrapper and not _columns_in(names, self.known):
            raise FileRejectedError(
                f"one object around all records, which are in its field {self.wrapper!r};"
                " deliver them one a line, or as one array"
            )
        require_columns(names, self.contract)

    def _is_kept(self, name: str) -> bool:
        if is_known(name, self.known):
            return True
        return len(self.names) < MOST_FIELDS and len(name) <= LONGEST_NAME and _is_storable(name)


def _columns_in(names: list[str], known: set[str]) -> list[str]:
    return [name for name in names if is_known(name, known)]


def _is_storable(name: str) -> bool:
    """Whether Postgres can hold the name; a record that has another is malformed anyway."""
    return "\0" not in name and name.encode(errors="replace").decode() == name


def inspect_json(path: Path, contract: Contract, size: int) -> tuple[str, int, list[str]]:
    """Format, number of records, and the fields of all records; nested ones as `outer.inner`.

    A file of blank lines and an empty array have no record, and that is no fault.
    """
    with open_content(path) as content:
        survey_bytes(content, contract, stored=size, kind="json")
    fields = Fields(contract)
    first = next(_lines(path), b"")
    if first.startswith(b"["):
        kind, records = "json_array", read_array(_read_text(path, contract), contract, fields.add)
    else:
        kind, records = "json", _read_lines(path, contract, fields)
    if records and not fields.objects:
        what = "lines" if kind == "json" else "elements"
        raise FileRejectedError(_no_object(first, f"none of its {records:,} {what}"))
    if records:
        fields.require_columns()
    return kind, records, [*fields.names]


def _read_lines(path: Path, contract: Contract, fields: Fields) -> int:
    lines = 0
    for line in _lines(path):
        lines += 1
        if len(line) > contract.limits.json_values:
            values = sum(map(line.count, (b",", b"[", b"{")))
            refuse_above(contract, "json_values", values, "values in one line of JSON")
        fields.add(_parse(line))
    return lines


def _lines(path: Path) -> Iterator[bytes]:
    """Lines that are not blank, without the blanks around them.

    Where files were joined, a byte-order mark begins a line in the middle.
    """
    with open_content(path) as content:
        for line in content:
            if text := line.removeprefix(codecs.BOM_UTF8).strip(BLANKS):
                yield text


def _read_text(path: Path, contract: Contract) -> str:
    most = contract.limits.array_bytes
    with open_content(path) as content:
        data = content.read(most + 1)
    remedy = "deliver one record a line"
    refuse_above(contract, "array_bytes", len(data), "bytes in a JSON array", remedy)
    return data.removeprefix(codecs.BOM_UTF8).decode()


def _parse(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _no_object(first: bytes, none: str) -> str:
    if first.startswith(b"{") and first.endswith((b"{", b"[", b",")):
        return (
            "not JSON lines: an object goes over several lines; deliver each record on one line,"
            " or all of them as one array"
        )
    return f"not JSON: {none} is a JSON object"
