"""The params of a run: typed, validated once, and described once for the trigger form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from assay.errors import SettingsError
from assay.param_checks import (
    check_combination,
    check_date,
    check_filter,
    check_glob,
    check_movement_reason,
    checked_reason,
    refuse,
)
from assay.param_schemas import EXPORT_FORMATS, FILTERS, PARAM_SCHEMAS, SOURCES, schemas_of

__all__ = ["PARAM_SCHEMAS", "RunParams", "resolve_params", "schemas_of"]

MAINTENANCE_PARAMS: dict[str, dict[str, Any]] = {
    "dry_run": {
        "type": "boolean",
        "default": False,
        "title": "Dry run",
        "description": "Remove and rewrite nothing; the logs say what would be done.",
    },
    "work_days": {
        "type": "integer",
        "minimum": 1,
        "default": 7,
        "title": "Days that work is kept",
        "description": "Change sets of batches that ended this many days ago are removed.",
    },
}


@dataclass(frozen=True)
class RunParams:
    """What a person asked of one run."""

    batch_date: str | None = None
    landing_glob: str = "*"
    gate_policy: Literal["strict", "override"] = "strict"
    override_reason: str = ""
    full_rebuild: bool = False
    export_format: str | None = None
    dry_run: bool = False
    source: Literal["files", "quarantine", "patch", "waive"] = "files"
    quarantine_dataset: str | None = None
    quarantine_batch: str | None = None
    quarantine_reason: str | None = None
    movement_reason: str | None = None


def resolve_params(conf: Mapping[str, Any], *, from_silver: bool = False) -> RunParams:
    """Check the params of a run; what is left out has its default.

    With `from_silver`, of a pipeline that takes no files but the releases of others.

    Raises SettingsError, naming the field and what it allows.
    """
    known = [field.name for field in fields(RunParams)]
    for name in conf:
        if name not in known:
            raise SettingsError(f"{name!r} is not a param; the params are {', '.join(known)}")
    given = {name: PARAM_SCHEMAS[name]["default"] for name in known} | dict(conf)
    check_date(given["batch_date"])
    check_glob(given["landing_glob"])
    if given["gate_policy"] not in ("strict", "override"):
        refuse("gate_policy", given["gate_policy"], "strict or override")
    if given["export_format"] not in (None, *EXPORT_FORMATS):
        refuse("export_format", given["export_format"], f"empty, {', '.join(EXPORT_FORMATS)}")
    given["override_reason"] = checked_reason(given["override_reason"], given["gate_policy"])
    for name in ("full_rebuild", "dry_run"):
        if not isinstance(given[name], bool):
            refuse(name, given[name], "true or false")
    if given["source"] not in SOURCES:
        refuse("source", given["source"], f"one of {', '.join(SOURCES)}")
    for name in FILTERS:
        check_filter(name, given[name])
    check_movement_reason(given["movement_reason"], given["source"])
    check_combination(given, from_silver=from_silver)
    return RunParams(**given)
