"""The JSON Schemas of our YAML files are current, and say the same as the code that reads them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from assay.settings import CONTRACTS
from editor_schemas import DECLARED, SCHEMAS, render_schema, schema_path

FILES = sorted(path for name in DECLARED for path in CONTRACTS.glob(f"**/{name}"))
COMMENT = "# yaml-language-server: $schema="


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(schema_path(name).read_text()))


def keys(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for part in (schema, *schema.get("$defs", {}).values()):
        yield from part.get("properties", {}).items()


@pytest.mark.parametrize("name", DECLARED)
def test_schema_is_current(name: str) -> None:
    assert schema_path(name).read_text() == render_schema(name), "run make docs"
    jsonschema.Draft202012Validator.check_schema(validator(name).schema)


def test_no_schema_is_left_over() -> None:
    assert {*SCHEMAS.iterdir()} == {schema_path(name) for name in DECLARED}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CONTRACTS)))
def test_file_names_its_schema_and_fits_it(path: Path) -> None:
    first = path.read_text().partition("\n")[0]
    wanted = f"{COMMENT}{os.path.relpath(schema_path(path.name), path.parent)}"
    assert first == wanted, f"{path}: let its first line be {wanted}"
    validator(path.name).validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize("name", DECLARED)
def test_editor_has_something_to_say_about_every_key(name: str) -> None:
    described = {key: facts.get("description") for key, facts in keys(validator(name).schema)}
    assert len(described) > 4
    assert [key for key, text in described.items() if not text] == []


@pytest.mark.parametrize(
    "change",
    [
        {"ownr": "x"},
        {"keys": []},
        {"on_equal_version": "latest"},
        {"most_quarantined": 2},
        {"columns": [{"name": "a", "type": "varchar"}]},
        {"source": {"system": "s", "description": "d", "patterns": ["*.csv"], "delimiter": ";;"}},
    ],
)
def test_what_the_code_refuses_by_itself_the_editor_marks(change: dict[str, Any]) -> None:
    facts = yaml.safe_load((CONTRACTS / "datasets" / "trades" / "dataset.yaml").read_text())
    assert not validator("dataset.yaml").is_valid(facts | change)
