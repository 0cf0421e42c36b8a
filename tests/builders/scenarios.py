"""Situations of datasets and gold tables, as the `scenarios.yaml` beside each contract has them."""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import yaml

from assay.contracts.model import Layer
from assay.settings import CONTRACTS


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
    quarantine: list[dict[str, Any]] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"{self.layer}/{self.table}/{self.name}"

    def expected(self) -> tuple[list[str], list[tuple[str, ...]]]:
        """The columns that are compared, and the rows of the outcome."""
        header, *rows = csv.reader(StringIO(self.expect, newline=""))
        return header, sorted(map(tuple, rows))

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


def _write(path: Path, text: str) -> Path:
    if path.suffix == ".parquet":
        with duckdb.connect() as connection:
            pq.write_table(connection.sql(text).to_arrow_table(), path)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    else:
        path.write_bytes(text.encode())
    return path
