"""Loads contracts, and derives from a file what the code sees: one contract for each layer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from assay.contracts.columns import Column, DatasetColumn, Read, Value
from assay.contracts.delivery import Delivery, Source
from assay.contracts.dialect import Dialect, TextForms
from assay.contracts.files import DatasetFile, GoldFile
from assay.contracts.folders import contract_names, contract_path
from assay.contracts.model import Contract, Layer, OfFiles, OfGold, OfSilver, OfTable
from assay.contracts.table_faults import length_in_index
from assay.contracts.yaml_file import read_yaml

DATASET_FILE, GOLD_FILE = TypeAdapter(DatasetFile), TypeAdapter(GoldFile)
CONTRACT = TypeAdapter(Contract)
GRAIN_OF_BRONZE = "one physical record of one delivered file"


@cache
def load_contract(layer: Layer, name: str) -> Contract:
    """Load a contract from `datasets/<name>/dataset.yaml` or `gold/<name>/table.yaml`.

    Raises ContractError, with file, line and key of all that is missing, unknown or contradictory.
    """
    return read_contract(layer, contract_path(layer, name))


def read_contract(layer: Layer, path: Path) -> Contract:
    """Load the contract of a layer from a file; see `load_contract`."""
    if layer == "gold":
        facts = _gold(read_yaml(path, GOLD_FILE))
    else:
        file = read_yaml(path, DATASET_FILE)
        facts = _bronze(file) if layer == "bronze" else _silver(file)
        facts["dataset"] = path.parent.name
    contract = Contract(table=f"{layer}.{path.parent.name}", path=path, version="", **facts)
    return replace(contract, version=_version(contract))


def _bronze(file: DatasetFile) -> dict[str, Any]:
    shapes = {
        shape: {c.name: c.headers[shape] for c in file.bronze_columns if shape in c.headers}
        for shape in file.source.shapes or [""]
    }
    return {
        **_facts_of(OfFiles, file),
        "owner": file.owner,
        "description": file.source.description,
        "grain": GRAIN_OF_BRONZE,
        "columns": tuple(
            Column(column.name, header=column.header, required=column.required)
            for column in file.bronze_columns
        ),
        "expectations": file.bronze_expectations,
        "source": Source(
            **_facts_of(Delivery, file.source),
            dialect=Dialect(**_facts_of(Dialect, file.source)),
            shapes=shapes,
        ),
    }


def _silver(file: DatasetFile) -> dict[str, Any]:
    return {
        **_facts_of(OfTable, file),
        **_facts_of(OfSilver, file),
        "keys": file.keys,
        "touched_by": file.keys,
        "columns": tuple(_read(column, file.keys) for column in file.silver_columns),
        "expectations": file.silver_expectations,
        "forms": TextForms(**_facts_of(TextForms, file.source)),
    }


def _gold(file: GoldFile) -> dict[str, Any]:
    return {
        **_facts_of(OfTable, file),
        **_facts_of(OfGold, file),
        "keys": file.keys,
        "touched_by": file.touched_by or file.keys,
        "columns": tuple(_made(column, file.keys) for column in file.columns),
        "expectations": file.all_expectations,
    }


def _read(column: DatasetColumn, keys: Sequence[str]) -> Column:
    facts = _facts_of(Read, column) | {"max_length": length_in_index(column, keys)}
    return Column(**facts, source=column.source)


def _made(column: Value, keys: Sequence[str]) -> Column:
    return Column(**_facts_of(Value, column) | {"max_length": length_in_index(column, keys)})


def _facts_of(kind: type[Any], facts: Any) -> dict[str, Any]:
    """The part of `facts` that a class among its bases declares."""
    return {each.name: getattr(facts, each.name) for each in fields(kind)}


def _version(contract: Contract) -> str:
    """A hash of what the layer is told, however its file is written.

    A key that is left out is as good as its default: a new one leaves the versions of before.
    """
    told = CONTRACT.dump_python(
        contract, mode="json", exclude={"path", "version"}, exclude_defaults=True
    )
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


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
