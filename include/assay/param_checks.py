"""Checks of the params of a run, one by one and together; each error names the param."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import PurePosixPath
from typing import Any, NoReturn

from assay.errors import SettingsError
from assay.param_schemas import (
    FILTER_LENGTH,
    FILTERS,
    GLOB_LENGTH,
    ISO_DATE,
    OF_RELEASES,
    PARAM_SCHEMAS,
    REASON_LENGTH,
)


def refuse(name: str, value: object, allowed: str) -> NoReturn:
    raise SettingsError(f"{name}={value!r}: must be {allowed}")


def check_date(value: object) -> None:
    if value is None:
        return
    allowed = "empty or a date such as 2026-01-31"
    if not isinstance(value, str) or not re.fullmatch(ISO_DATE, value):
        refuse("batch_date", value, allowed)
    try:
        date.fromisoformat(str(value))
    except ValueError:
        refuse("batch_date", value, allowed)


def check_glob(value: object) -> None:
    allowed = f"a name pattern inside landing, of 1 to {GLOB_LENGTH} characters"
    if not isinstance(value, str) or not 1 <= len(value) <= GLOB_LENGTH:
        refuse("landing_glob", value, allowed)
    elif value[0] in "/~" or ".." in PurePosixPath(value).parts or "\0" in value:
        refuse("landing_glob", value, f"{allowed}: relative and without '..'")


def checked_reason(value: object, policy: str) -> str:
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


def check_filter(name: str, value: object) -> None:
    if value is not None and not (isinstance(value, str) and 1 <= len(value) <= FILTER_LENGTH):
        refuse(name, value, f"empty or a text of at most {FILTER_LENGTH} characters")


def check_movement_reason(value: object, source: str) -> None:
    least, most = REASON_LENGTH
    if value is None and source in ("files", "quarantine"):
        return
    if not isinstance(value, str) or not least <= len(value.strip()) <= most:
        allowed = f"a text of {least} to {most} characters when source is {source}"
        refuse("movement_reason", value, allowed)


def check_combination(given: Mapping[str, Any], *, from_silver: bool) -> None:
    """Refuse what the source would ignore: a person who set it expects that it counts."""
    source = given["source"]
    takes_rows, takes_files = source in ("quarantine", "waive"), source in ("files", "patch")
    rebuilds = given["full_rebuild"] and source == "files"
    when = "when full_rebuild is true" if rebuilds else f"when source is {source}"
    usable = {
        "full_rebuild": source == "files",
        "batch_date": takes_files and not rebuilds,
        "landing_glob": takes_files and not rebuilds,
        "dry_run": source != "waive",
        "gate_policy": source != "waive",
        "export_format": source != "waive",
        **dict.fromkeys(FILTERS, takes_rows),
        "movement_reason": source != "files",
    }
    if from_silver:
        usable = {name: name in OF_RELEASES for name in given}
        when = "for a pipeline that takes no files"
    for name, is_usable in usable.items():
        if not is_usable and given[name] != PARAM_SCHEMAS[name]["default"]:
            refuse(name, given[name], f"left at its default {when}")
