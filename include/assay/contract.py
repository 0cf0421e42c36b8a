"""Contracts: the agreed facts of one table, loaded from YAML into frozen dataclasses.

A contract holds facts (names, types, keys, vocabularies, bounds, expectations), never
expressions. Everything that is true of a table is read from here and written nowhere else.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from assay.errors import ContractError
from assay.settings import CONTRACTS

Layer = Literal["bronze", "silver", "gold"]
Severity = Literal["fail", "warn"]
TYPES = {"string", "int", "bigint", "date", "timestamp", "boolean"}


@dataclass(frozen=True)
class Column:
    """One column. `type` is a Spark SQL type; bounds are decimal texts, to stay exact."""

    name: str
    type: str = "string"
    nullable: bool = True
    description: str = ""
    header: str = ""
    required: bool = False
    standardise: Literal["trim", "upper", "lower"] = "trim"
    allowed: tuple[str, ...] = ()
    minimum: str | None = None
    maximum: str | None = None
    money: bool = False
    sensitive: bool = False

    @property
    def is_decimal(self) -> bool:
        return re.fullmatch(r"decimal\(\d+,\d+\)", self.type) is not None

    @property
    def scale(self) -> int:
        """Decimals of a `decimal(precision,scale)`."""
        return int(self.type.rstrip(")").split(",")[1])


@dataclass(frozen=True)
class Expectation:
    """One assertion in Great Expectations' own terms, about one frame of the gate."""

    name: str
    type: str
    frame: str
    kwargs: dict[str, Any]
    severity: Severity = "fail"
    overridable: bool = True


@dataclass(frozen=True)
class Source:
    """How a dataset is delivered."""

    system: str
    format: str
    patterns: tuple[str, ...]
    delimiter: str = ","
    encoding: str = "utf-8"


@dataclass(frozen=True)
class Contract:
    """The facts of one table."""

    table: str
    owner: str
    description: str
    grain: str
    columns: tuple[Column, ...]
    expectations: tuple[Expectation, ...]
    path: Path
    version: str
    dataset: str = ""
    datasets: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    event_time: str = ""
    sequence: str = ""
    source: Source | None = None
    serving: str = ""
    totals: dict[str, str] = field(default_factory=dict)

    @property
    def layer(self) -> str:
        return self.table.split(".")[0]

    @property
    def name(self) -> str:
        """The table without its layer; also the stem of every file about it."""
        return self.table.split(".")[1]

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def money(self) -> list[str]:
        """Columns whose sums must agree through every stage."""
        return [column.name for column in self.columns if column.money]


def contract_path(layer: Layer, name: str) -> Path:
    return CONTRACTS / layer / f"{name}.yaml"


@cache
def load_contract(layer: Layer, name: str) -> Contract:
    """Load `include/contracts/<layer>/<name>.yaml`.

    Raises ContractError, naming file and key, for anything missing, unknown or contradictory.
    """
    return read_contract(contract_path(layer, name))


def read_contract(path: Path) -> Contract:
    """Load one contract file; see `load_contract`."""
    if not path.is_file():
        raise ContractError(f"{path}: no such contract")
    text = path.read_bytes()
    facts = yaml.safe_load(text)
    try:
        contract = Contract(
            **{
                **facts,
                "columns": tuple(_column(c) for c in facts["columns"]),
                "expectations": tuple(Expectation(**e) for e in facts["expectations"]),
                "keys": tuple(facts.get("keys", ())),
                "datasets": tuple(facts.get("datasets", ())),
                "source": _source(facts.get("source")),
                "path": path,
                "version": hashlib.sha256(text).hexdigest()[:12],
            }
        )
    except (KeyError, TypeError) as error:
        raise ContractError(f"{path}: {error}") from error
    _check(contract)
    return contract


def _column(facts: dict[str, Any]) -> Column:
    return Column(**{**facts, "allowed": tuple(facts.get("allowed", ()))})


def _source(facts: dict[str, Any] | None) -> Source | None:
    return Source(**{**facts, "patterns": tuple(facts["patterns"])}) if facts else None


def _check(contract: Contract) -> None:
    """Raise ContractError for the first fact that contradicts another, or the rules."""
    for fault in (*_column_faults(contract), *_reference_faults(contract)):
        raise ContractError(f"{contract.path}: {fault}")


def _column_faults(contract: Contract) -> Iterator[str]:
    if contract.table != f"{contract.path.parent.name}.{contract.path.stem}":
        yield f"table is {contract.table}, but the file is {contract.path.name}"
    names = contract.column_names
    for column in contract.columns:
        if names.count(column.name) > 1:
            yield f"column {column.name} is given twice"
        if column.type not in TYPES and not column.is_decimal:
            yield f"column {column.name}: type {column.type} is not one of {sorted(TYPES)}"


def _reference_faults(contract: Contract) -> Iterator[str]:
    known = {*contract.column_names, ""}
    for name in [*contract.keys, contract.event_time, contract.sequence, *contract.totals]:
        if name not in known:
            yield f"{name} is named as key, time or total but is no column"
    if not contract.expectations:
        yield "expectations are empty; a gate without expectations proves nothing"
    for expectation in contract.expectations:
        if expectation.severity not in ("fail", "warn"):
            yield f"expectation {expectation.name!r}: severity is fail or warn"


def gold_contracts(dataset: str) -> list[Contract]:
    """Every gold contract that is built from this dataset alone, by name."""
    paths = sorted((CONTRACTS / "gold").glob("*.yaml"))
    contracts = [load_contract("gold", path.stem) for path in paths]
    return [contract for contract in contracts if contract.datasets == (dataset,)]
