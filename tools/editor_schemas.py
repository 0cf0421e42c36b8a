"""Writes the JSON Schemas by which editors complete and check our YAML files: `make docs`.

A test fails when one is stale, or when a file does not name its own in its first line.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import CoreSchema

from assay.contracts.load import DATASET_FILE, GOLD_FILE
from assay.contracts.pipelines import PIPELINES_FILE
from assay.settings import SCHEMAS

# Name of a YAML file → what it is declared to be.
DECLARED: dict[str, TypeAdapter[Any]] = {
    "dataset.yaml": DATASET_FILE,
    "pipelines.yaml": PIPELINES_FILE,
    "table.yaml": GOLD_FILE,
}


class _WithoutTitles(GenerateJsonSchema):
    """Pydantic's schema, without titles that say no more than the keys."""

    def field_title_should_be_set(self, schema: CoreSchema) -> bool:
        return False


def schema_path(name: str) -> Path:
    """The schema of the YAML files of a name."""
    return SCHEMAS / f"{Path(name).stem}.schema.json"


def render_schema(name: str) -> str:
    """The whole file."""
    made = DECLARED[name].json_schema(schema_generator=_WithoutTitles)
    draft = {"$schema": GenerateJsonSchema.schema_dialect}
    return json.dumps({**draft, **made}, indent=2, ensure_ascii=False) + "\n"


def write_schemas() -> None:
    """Write every schema where the YAML files look for it."""
    SCHEMAS.mkdir(exist_ok=True)
    for name in DECLARED:
        schema_path(name).write_text(render_schema(name))


if __name__ == "__main__":
    write_schemas()
