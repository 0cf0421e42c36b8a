"""Contracts: the agreed facts of one table, loaded from YAML into frozen dataclasses.

A contract holds facts (names, types, keys, vocabularies, bounds, expectations), never
expressions. Everything that is true of a table is read from here and written nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from assay.contract_faults import faults_of
from assay.contract_layout import FILES, facts_of_layer, layout_faults
from assay.dialect import Dialect, TextForms
from assay.dialect_faults import DIALECT
from assay.errors import ContractError
from assay.facts import Facts, read_facts, refuse
from assay.settings import CONTRACTS, outside_contracts

Layer = Literal["bronze", "silver", "gold"]
Severity = Literal["fail", "warn"]
OnEqualVersion = Literal["conflict", "latest_delivery"]
# The longest text of a key, in bytes of UTF-8, unless its column says otherwise: five of them fit
# an index row of Postgres; see `contract_faults.INDEX_ROW_BYTES`.
KEY_BYTES = 512


@dataclass(frozen=True)
class Condition:
    """Stricter rules of a column for the rows in which another column has one of some values."""

    column: str
    values: tuple[str, ...]
    nullable: bool = True
    minimum: str | None = None
    maximum: str | None = None


@dataclass(frozen=True)
class Column:
    """One column. `type` is a Spark SQL type; bounds are decimal texts, to stay exact.

    Of a silver column, `source` is the bronze column that its text is from. `synonyms` are other
    spellings of a value; `categories` is a strict lookup, which finds nothing or a category. A
    value that was not delivered is the hash of the columns in `hash_of`, where there are any.
    `max_length` bounds the bytes of a text; the columns of a key have one in any case.
    """

    name: str
    type: str = "string"
    nullable: bool = True
    description: str = ""
    header: str = ""
    required: bool = False
    source: str = ""
    standardise: Literal["trim", "upper", "lower", "as_delivered"] = "trim"
    synonyms: dict[str, str] = field(default_factory=dict)
    categories: dict[str, str] = field(default_factory=dict)
    hash_of: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    minimum: str | None = None
    maximum: str | None = None
    max_length: int | None = None
    when: tuple[Condition, ...] = ()
    money: bool = False
    sensitive: bool = False

    @property
    def is_decimal(self) -> bool:
        return re.fullmatch(r"decimal\(\d+,\d+\)", self.type) is not None

    @property
    def is_vocabulary(self) -> bool:
        """Whether the contract lists every value that a good record can have."""
        return bool(self.allowed or self.categories)

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
class Limits:
    """What one file may hold at most; a file above a limit is rejected before it is unpacked.

    `unpacked_bytes` are those of a text that is unpacked, or of a Parquet file's values. A JSON
    array is held in memory as a whole, `array_bytes` of text; `json_values` may stand in it, or in
    one line. Arrays and objects of an array's records are nested `nesting` deep.
    """

    unpacked_bytes: int = 10 << 30
    records: int = 50_000_000
    array_bytes: int = 64 << 20
    json_values: int = 5_000_000
    nesting: int = 500


@dataclass(frozen=True)
class Source:
    """How a dataset is delivered; the suffix of a file says its format.

    `shapes` are historic spellings of the header: name of the shape → bronze column → header.
    A file is read by the shape that fits it; columns that a shape leaves out keep their own header.
    A file in landing is taken once it has not changed for `settle_seconds`; see `landing.rest`.
    """

    system: str
    patterns: tuple[str, ...]
    settle_seconds: float = 5
    dialect: Dialect = field(default_factory=Dialect)
    shapes: dict[str, dict[str, str]] = field(default_factory=lambda: {"": {}})
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Contract:
    """The facts of one table.

    What a release holds of it stays readable for `retention_days`. Of bronze contracts, archived
    files are kept for `archive_days` and what runs have left behind for `history_days`; null is
    for ever. A feed without a new file for `expect_every_days` is overdue; null asks for none.

    `on_equal_version` says what becomes of versions of a key with the same event time and sequence
    and other content: the later delivered are quarantined (`conflict`), or the one of the latest
    delivered file wins (`latest_delivery`). `forms` of silver says how the texts of bronze spell
    values.
    """

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
    on_equal_version: OnEqualVersion = "conflict"
    source: Source | None = None
    forms: TextForms = field(default_factory=TextForms)
    serving: str = ""
    totals: dict[str, str] = field(default_factory=dict)
    touched_by: tuple[str, ...] = ()
    partition_by: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    retention_days: int = 60
    archive_days: int | None = None
    history_days: int | None = None
    expect_every_days: int | None = None

    @property
    def layer(self) -> str:
        return self.table.split(".")[0]

    @property
    def name(self) -> str:
        """The table without its layer; also the stem of every file about it."""
        return self.table.split(".")[1]

    @property
    def limits(self) -> Limits:
        """What one delivered file may hold."""
        return self.source.limits if self.source else Limits()

    @property
    def dialect(self) -> Dialect:
        """How its CSV files are written."""
        return self.source.dialect if self.source else Dialect()

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]

    def totals_of(self, dataset: str) -> dict[str, str]:
        """Gold column → the column of this dataset's silver, or `rows`, that it must add up to.

        A table of several datasets names each by `<dataset>.<column>`.
        """
        if self.datasets == (dataset,):
            return self.totals
        named = {gold: silver.partition(".") for gold, silver in self.totals.items()}
        return {gold: column for gold, (of, _, column) in named.items() if of == dataset}

    @property
    def money(self) -> list[str]:
        """Columns whose sums must agree through every stage."""
        return [column.name for column in self.columns if column.money]


def contract_roots(layer: Layer) -> list[Path]:
    """The folders that contracts of a layer are found in; `ASSAY_DATASETS` adds one of datasets."""
    if layer == "gold":
        return [CONTRACTS / "gold"]
    outside = outside_contracts()
    return [CONTRACTS / "datasets", *([outside] if outside else [])]


def contract_path(layer: Layer, name: str) -> Path:
    """The file that a contract is in; bronze and silver of a dataset share one.

    Raises ContractError when there are two.
    """
    paths = [root / name / FILES[layer] for root in contract_roots(layer)]
    there = [path for path in paths if path.is_file()]
    if len(there) > 1:
        raise ContractError(f"{name} has two contracts: {there[0]} and {there[1]}; rename one")
    return there[0] if there else paths[0]


@cache
def load_contract(layer: Layer, name: str) -> Contract:
    """Load a contract from `datasets/<name>/dataset.yaml` or `gold/<name>/table.yaml`.

    Raises ContractError, naming file and key, for all that is missing, unknown or contradictory.
    """
    return read_contract(layer, contract_path(layer, name))


def read_contract(layer: Layer, path: Path) -> Contract:
    """Load the contract of a layer from a file; see `load_contract`."""
    facts = read_facts(path)
    try:
        refuse(path, layout_faults(layer, facts))
        contract = _contract(layer, path, facts_of_layer(layer, facts))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ContractError(f"{path}: {error}") from error
    refuse(path, faults_of(contract))
    return contract


def _contract(layer: Layer, path: Path, facts: Facts) -> Contract:
    """The version is that of what the layer is told, however the file is written."""
    name = path.parent.name
    told = json.dumps(facts, default=str)
    lists = {key: tuple(facts.get(key, ())) for key in ("keys", "datasets")}
    made: Facts = {
        **facts,
        **lists,
        "columns": tuple(_column(c, lists["keys"]) for c in facts["columns"]),
        "expectations": tuple(Expectation(**e) for e in facts["expectations"]),
        "touched_by": tuple(facts.get("touched_by", lists["keys"])),
        "source": _source(facts.get("source")),
        "forms": _forms(facts.get("forms", {})),
    }
    return Contract(
        table=f"{layer}.{name}",
        dataset="" if layer == "gold" else name,
        path=path,
        version=hashlib.sha256(told.encode()).hexdigest()[:12],
        **made,
    )


def _column(facts: dict[str, Any], keys: Sequence[str]) -> Column:
    lists = {name: tuple(facts.get(name, ())) for name in ("allowed", "hash_of")}
    when = tuple(_condition(**condition) for condition in facts.get("when", ()))
    column = Column(**{**facts, **lists, "when": when})
    is_text_key = column.name in keys and column.type == "string"
    if is_text_key and column.max_length is None:
        return replace(column, max_length=KEY_BYTES)
    return column


def _condition(*, column: str, **facts: Any) -> Condition:
    """`is` lists the values, in YAML; it is no name that Python allows."""
    return Condition(column=column, values=tuple(facts.pop("is")), **facts)


def _source(facts: dict[str, Any] | None) -> Source | None:
    if not facts:
        return None
    own = {key: fact for key, fact in facts.items() if key not in DIALECT}
    made = {
        "patterns": tuple(facts["patterns"]),
        "dialect": Dialect(**{key: facts[key] for key in DIALECT if key in facts}),
        "limits": Limits(**facts.get("limits", {})),
    }
    return Source(**{**own, **made})


def _forms(facts: dict[str, Any]) -> TextForms:
    lists = {key: tuple(fact) for key, fact in facts.items() if isinstance(fact, list)}
    return TextForms(**{**facts, **lists})


def contract_names(layer: Layer) -> list[str]:
    """Every table of a layer that has a contract, in alphabetical order."""
    found = (path for root in contract_roots(layer) for path in root.glob(f"*/{FILES[layer]}"))
    return sorted({path.parent.name for path in found})


def dataset_names() -> list[str]:
    """Every dataset, in alphabetical order."""
    return contract_names("bronze")


def all_contracts(layer: Layer) -> list[Contract]:
    """Every contract of a layer, by name."""
    return [load_contract(layer, name) for name in contract_names(layer)]


def gold_contracts(datasets: Sequence[str]) -> list[Contract]:
    """Every gold contract that is built from these datasets and no other, by name."""
    return [c for c in all_contracts("gold") if {*c.datasets} <= {*datasets}]


def measured_columns(contract: Contract) -> list[str]:
    """Columns whose sums are taken of a table: of gold its totals, of silver what these pair with.

    Those of silver are its money, and whatever a gold table adds up.
    """
    if contract.layer == "gold":
        return [*contract.totals]
    paired = {
        column
        for table in all_contracts("gold")
        if contract.name in table.datasets
        for column in table.totals_of(contract.name).values()
    }
    return [c.name for c in contract.columns if c.money or c.name in paired]


def contracts_of(datasets: Sequence[str]) -> list[Contract]:
    """Every contract that a pipeline with these datasets keeps."""
    layers: tuple[Layer, Layer] = ("bronze", "silver")
    own = [load_contract(layer, dataset) for dataset in datasets for layer in layers]
    return [*own, *gold_contracts(datasets)]
