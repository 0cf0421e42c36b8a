"""The params of a run: what a person may ask for, by the trigger form or the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from assay.airflow_ui.forms import (
    Allowed,
    Params,
    Reason,
    form_of,
    in_section,
    narrowed,
    read_params,
    refusal,
    shown_as,
)
from assay.batch.asked import Asked, asked_by
from assay.errors import SettingsError

ISO_DATE = r"^\d{4}-\d{2}-\d{2}$"
INSIDE_LANDING = r"^(?![/~])(?!(.*/)?\.\.(/|$)).+$"
SELDOM, QUARANTINE = "Rebuild, export, dry run", "Rows in quarantine"


def _in_calendar(day: str) -> str:
    date.fromisoformat(day)
    return day


def _without_nul(pattern: str) -> str:
    if "\0" in pattern:
        raise ValueError("no name of a file has a NUL")
    return pattern


def _none_if_blank(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _filter(rows: str) -> str:
    return f"Only rows {rows}. Empty: of all. For source quarantine or waive."


Day = Annotated[
    str,
    Field(pattern=ISO_DATE, json_schema_extra={"format": "date"}),
    AfterValidator(_in_calendar),
]
Glob = Annotated[
    str,
    Field(pattern=INSIDE_LANDING, min_length=1, max_length=200),
    AfterValidator(_without_nul),
]
Filter = Annotated[str, Field(min_length=1, max_length=200)]


@dataclass(frozen=True)
class RunParams(Params):
    """What a person asked of one run."""

    batch_date: Annotated[
        Day | None,
        Field(
            title="Batch date",
            description="Take only the files of this day (yyyy-mm-dd); empty takes every file, of a"
            " backfill those of its own day. Not with a full rebuild.",
        ),
        Allowed("a date such as 2026-01-31"),
    ] = None
    # Airflow's page shows no reason when it refuses a value: what is allowed stands here.
    landing_glob: Annotated[
        Glob,
        Field(
            title="Landing files",
            description="Names to take, such as *2026-01*, below the landing folder of the dataset:"
            " not '..', and no / or ~ at the beginning. Not with a full rebuild.",
            examples=["*", "*2026-01-31*", "patch-*"],
        ),
        Allowed("a name pattern inside landing, of 1 to 200 characters: relative and without '..'"),
    ] = "*"
    gate_policy: Annotated[
        Literal["strict", "override"],
        Field(
            title="Gate policy",
            description="override records a failed expectation and goes on; never for keys, counts"
            " or the ledger. It needs a reason.",
        ),
    ] = "strict"
    # Airflow's form takes an empty text field for a missing value, unless null is allowed.
    override_reason: Annotated[
        Reason | None,
        Field(
            title="Reason for the override",
            description="Why a failed expectation may pass, 3 to 200 characters.",
        ),
        BeforeValidator(_none_if_blank),
    ] = None
    full_rebuild: Annotated[
        bool,
        Field(
            title="Full rebuild",
            description="Take no new file; build silver and gold again from all of bronze.",
            json_schema_extra=in_section(SELDOM),
        ),
    ] = False
    export_format: Annotated[
        Literal["csv", "parquet", "jsonl"] | None,
        Field(
            title="Export",
            description="Write the gold tables of the release to files as well; empty for none.",
            json_schema_extra=in_section(SELDOM, **shown_as("none")),
        ),
    ] = None
    dry_run: Annotated[
        bool,
        Field(
            title="Dry run",
            description="Take no file and change nothing; run up to the last gate on a copy.",
            json_schema_extra=in_section(SELDOM),
        ),
    ] = False
    source: Annotated[
        Literal["files", "quarantine", "patch", "waive"],
        Field(
            title="Source",
            description="files takes what has landed; quarantine judges quarantined rows anew,"
            " patch takes files named patch-*, waive leaves quarantined rows out for good.",
            json_schema_extra=in_section(QUARANTINE),
        ),
    ] = "files"
    quarantine_dataset: Annotated[
        Filter | None,
        Field(
            title="Dataset",
            description=_filter("of this dataset"),
            json_schema_extra=in_section(QUARANTINE),
        ),
    ] = None
    quarantine_batch: Annotated[
        Filter | None,
        Field(
            title="Batch",
            description=_filter("that this batch quarantined"),
            json_schema_extra=in_section(QUARANTINE),
        ),
    ] = None
    quarantine_reason: Annotated[
        Filter | None,
        Field(
            title="Reason",
            description=_filter("with this reason, such as from_cost.unparseable"),
            json_schema_extra=in_section(QUARANTINE),
        ),
    ] = None
    movement_reason: Annotated[
        Reason | None,
        Field(
            title="Reason for the movement",
            description="Why rows leave quarantine, 3 to 200 characters; patch and waive need it.",
            json_schema_extra=in_section(QUARANTINE),
        ),
    ] = None

    def asked(self, *, from_silver: bool) -> Asked:
        """Which kind of input the run is to have, and what that heeds."""
        return asked_by(self.source, full_rebuild=self.full_rebuild, from_silver=from_silver)


PARAM_SCHEMAS = form_of(RunParams)
USUAL = RunParams()


def schemas_of(datasets: Sequence[str]) -> dict[str, dict[str, JsonValue]]:
    """The form of the pipeline with these datasets; it offers these and no other."""
    offered = narrowed(PARAM_SCHEMAS["quarantine_dataset"], datasets, none="all")
    return {**PARAM_SCHEMAS, "quarantine_dataset": offered}


def resolve_params(conf: Mapping[str, object], *, from_silver: bool = False) -> RunParams:
    """Check the params of a run; what is left out has its default.

    With `from_silver`, of a pipeline that takes no files but the releases of others.

    Raises SettingsError, naming the fields and what they allow.
    """
    params = read_params(RunParams, conf)
    asked = params.asked(from_silver=from_silver)
    refused = [*_lacking(params, asked), *_ignored(params, asked)]
    if refused:
        told = (refusal(name, conf.get(name), allowed) for name, allowed in refused)
        raise SettingsError("; ".join(told))
    return params


def _lacking(params: RunParams, asked: Asked) -> Iterator[tuple[str, str]]:
    """Reasons that the books have to be given."""
    expected = "a text of 3 to 200 characters"
    if params.gate_policy == "override" and params.override_reason is None:
        yield "override_reason", f"{expected} when gate_policy is override"
    if asked.needs_reason and params.movement_reason is None:
        yield "movement_reason", f"{expected} {asked.when}"


def _ignored(params: RunParams, asked: Asked) -> Iterator[tuple[str, str]]:
    """What the input would ignore: a person who set it expects that it counts."""
    for each in fields(RunParams):
        is_set = getattr(params, each.name) != getattr(USUAL, each.name)
        if is_set and each.name not in asked.heeds:
            yield each.name, f"left at its default {asked.when}"
