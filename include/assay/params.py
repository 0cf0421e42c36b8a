"""The params of a run: typed, validated once, and described once for the trigger form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import PurePosixPath
from typing import Any, Literal, NoReturn

from assay.errors import SettingsError

ISO_DATE = r"^\d{4}-\d{2}-\d{2}$"
INSIDE_LANDING = r"^(?![/~])(?!(.*/)?\.\.(/|$)).+$"
REASON_LENGTH = (3, 200)
GLOB_LENGTH = 200
EXPORT_FORMATS = ("csv", "parquet", "jsonl")

PARAM_SCHEMAS: dict[str, dict[str, Any]] = {
    "batch_date": {
        "type": ["null", "string"],
        "format": "date",
        "pattern": ISO_DATE,
        "default": None,
        "title": "Batch date",
        "description": "Take only the files of this day (yyyy-mm-dd); empty takes every file.",
    },
    "landing_glob": {
        "type": "string",
        "pattern": INSIDE_LANDING,
        "minLength": 1,
        "maxLength": GLOB_LENGTH,
        "default": "*",
        "title": "Landing files",
        "description": "Names to take, below the landing folder of the dataset, such as *2026-01*.",
    },
    "gate_policy": {
        "type": "string",
        "enum": ["strict", "override"],
        "default": "strict",
        "title": "Gate policy",
        "description": (
            "override records a failed expectation and goes on; never for keys, counts or the"
            " ledger. It needs a reason."
        ),
    },
    "override_reason": {
        # Airflow's form takes an empty text field for a missing value, unless null is allowed.
        "type": ["null", "string"],
        "maxLength": REASON_LENGTH[1],
        "default": None,
        "title": "Reason for the override",
        "description": "Why a failed expectation may pass, 3 to 200 characters.",
    },
    "full_rebuild": {
        "type": "boolean",
        "default": False,
        "title": "Full rebuild",
        "description": "Take no new file; build silver and gold again from all of bronze.",
    },
    "export_format": {
        "type": ["null", "string"],
        "enum": [None, *EXPORT_FORMATS],
        "default": None,
        "title": "Export",
        "description": "Write the gold tables of the release to files as well; empty for none.",
    },
    "dry_run": {
        "type": "boolean",
        "default": False,
        "title": "Dry run",
        "description": "Take no file and change nothing; run up to the last gate on a copy.",
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


def resolve_params(conf: Mapping[str, Any]) -> RunParams:
    """Check the params of a run; what is left out has its default.

    Raises SettingsError, naming the field and what it allows.
    """
    known = [field.name for field in fields(RunParams)]
    for name in conf:
        if name not in known:
            raise SettingsError(f"{name!r} is not a param; the params are {', '.join(known)}")
    given = {name: PARAM_SCHEMAS[name]["default"] for name in known} | dict(conf)
    _check_date(given["batch_date"])
    _check_glob(given["landing_glob"])
    if given["gate_policy"] not in ("strict", "override"):
        refuse("gate_policy", given["gate_policy"], "strict or override")
    if given["export_format"] not in (None, *EXPORT_FORMATS):
        refuse("export_format", given["export_format"], f"empty, {', '.join(EXPORT_FORMATS)}")
    given["override_reason"] = _checked_reason(given["override_reason"], given["gate_policy"])
    for name in ("full_rebuild", "dry_run"):
        if not isinstance(given[name], bool):
            refuse(name, given[name], "true or false")
    return RunParams(**given)


def refuse(name: str, value: object, allowed: str) -> NoReturn:
    raise SettingsError(f"{name}={value!r}: must be {allowed}")


def _check_date(value: object) -> None:
    if value is None:
        return
    allowed = "empty or a date such as 2026-01-31"
    if not isinstance(value, str) or not re.fullmatch(ISO_DATE, value):
        refuse("batch_date", value, allowed)
    try:
        date.fromisoformat(str(value))
    except ValueError:
        refuse("batch_date", value, allowed)


def _check_glob(value: object) -> None:
    allowed = f"a name pattern inside landing, of 1 to {GLOB_LENGTH} characters"
    if not isinstance(value, str) or not 1 <= len(value) <= GLOB_LENGTH:
        refuse("landing_glob", value, allowed)
    elif value[0] in "/~" or ".." in PurePosixPath(value).parts or "\0" in value:
        refuse("landing_glob", value, f"{allowed}: relative and without '..'")


def _checked_reason(value: object, policy: str) -> str:
    least, most = REASON_LENGTH
    if not isinstance(value, str | None):
        refuse("override_reason", value, f"a text of {least} to {most} characters")
    reason = (value or "").strip()
    if len(reason) > most:
        refuse("override_reason", value, f"a text of {least} to {most} characters")
    if policy == "override" and len(reason) < least:
        allowed = f"a text of {least} to {most} characters when gate_policy is override"
        refuse("override_reason", value, allowed)
    return reason
