"""Situations of datasets and gold tables, as the `scenarios.yaml` beside each contract has them."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import yaml

from assay.contracts.load import load_contract
from assay.contracts.model import Contract, Layer
from assay.intake.header import match_header
from assay.settings import CONTRACTS

# The reasons of a quarantined record, with commas between → the numbers of such records; where what
# is kept of one is not the texts that were delivered, its number → that.
Quarantine = dict[str, list[int] | dict[int, Any]]


@dataclass(frozen=True)
class Scenario:
    """One situation. `before` and `delivered` hold the text of each file by its name.

    The name's suffix is the format: a `.gz` is packed when it is written, and the text of a
    `.parquet` is the query of DuckDB that makes its rows. Where a gold table has several datasets,
    the name of the dataset and a slash come first.
    """

    layer: Layer
    table: str
    name: str
    says: str
    delivered: dict[str, str]
    expect: str
    before: dict[str, str] = field(default_factory=dict)
    quarantine: Quarantine = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.layer}/{self.table}/{self.name}"

    def expected(self) -> tuple[list[str], list[tuple[str, ...]]]:
        """The columns that are compared, and the rows of the outcome."""
        header, *rows = csv.reader(StringIO(self.expect, newline=""))
        return header, sorted(map(tuple, rows))

    def quarantined(self) -> list[dict[str, Any]]:
        """Number, reasons and delivered texts of every quarantined record, by number."""
        return sorted(self._quarantined(), key=lambda row: row["record_number"])

    def _quarantined(self) -> Iterator[dict[str, Any]]:
        for reasons, records in self.quarantine.items():
            for number in records:
                raw = records[number] if isinstance(records, dict) else self._delivered[number - 1]
                yield {"record_number": number, "reasons": reasons.split(", "), "raw": raw}

    @property
    def _delivered(self) -> list[dict[str, str]]:
        """The texts of each record of the only file, by column; what is empty is left out."""
        ((name, text),) = self.delivered.items()
        contract = load_contract("bronze", self.table)
        records = (
            _of_csv(text, contract)
            if name.endswith(".csv")
            else [*map(_of_json_line, text.splitlines())]
        )
        header = [*dict.fromkeys(name for record in records for name in record)]
        found = match_header(header, contract).items()
        names = {column: header[position] for column, position in found}
        return [{c: r[name] for c, name in names.items() if r.get(name)} for r in records]

    def write(self, files: dict[str, str], dataset: str, folder: Path) -> list[Path]:
        """Write those of the files that are this dataset's; returns them in order of name."""
        own = {name.removeprefix(f"{dataset}/"): text for name, text in files.items()}
        folder.mkdir(parents=True)
        return [_write(folder / name, own[name]) for name in sorted(own) if "/" not in name]


def all_scenarios() -> list[Scenario]:
    """Every situation of every table. Raises TypeError when one lacks a key or has another."""
    return [
        Scenario(layer, path.parent.name, name, **facts)
        for path in sorted(CONTRACTS.glob("*/*/scenarios.yaml"))
        for layer, situations in _by_layer(path).items()
        for name, facts in situations.items()
    ]


def _by_layer(path: Path) -> dict[Layer, dict[str, Any]]:
    facts = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"gold": facts} if path.parts[-3] == "gold" else dict(facts)


def _of_csv(text: str, contract: Contract) -> list[dict[str, str]]:
    reader = csv.DictReader(StringIO(text, newline=""), delimiter=contract.dialect.delimiter)
    return [*reader]


def _of_json_line(line: str) -> dict[str, str]:
    """Numbers as they are written, and fields of an object as `outer.inner`; none of no JSON."""
    record: dict[str, str] = {}
    with suppress(ValueError):
        for name, value in json.loads(line, parse_float=str, parse_int=str).items():
            inner = value.items() if isinstance(value, dict) else ()
            record |= {f"{name}.{each}": text for each, text in inner} or {name: value}
    return record


def _write(path: Path, text: str) -> Path:
    if path.suffix == ".parquet":
        with duckdb.connect() as connection:
            pq.write_table(connection.sql(text).to_arrow_table(), path)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    else:
        path.write_bytes(text.encode())
    return path
