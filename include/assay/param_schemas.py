"""The params of a run as JSON schemas: what the trigger form of a DAG shows and allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

ISO_DATE = r"^\d{4}-\d{2}-\d{2}$"
INSIDE_LANDING = r"^(?![/~])(?!(.*/)?\.\.(/|$)).+$"
REASON_LENGTH = (3, 200)
GLOB_LENGTH = 200
FILTER_LENGTH = 200
EXPORT_FORMATS = ("csv", "parquet", "jsonl")
SOURCES = ("files", "quarantine", "patch", "waive")
FILTERS = ("quarantine_dataset", "quarantine_batch", "quarantine_reason")
# What means something to a pipeline that takes no files but the releases of others.
OF_RELEASES = ("gate_policy", "override_reason", "full_rebuild", "export_format", "dry_run")


def _filter(title: str, description: str) -> dict[str, Any]:
    return {
        "type": ["null", "string"],
        "minLength": 1,
        "maxLength": FILTER_LENGTH,
        "default": None,
        "title": title,
        "description": f"{description} Empty: of all. For source quarantine or waive.",
    }


PARAM_SCHEMAS: dict[str, dict[str, Any]] = {
    "batch_date": {
        "type": ["null", "string"],
        "format": "date",
        "pattern": ISO_DATE,
        "default": None,
        "title": "Batch date",
        "description": (
            "Take only the files of this day (yyyy-mm-dd); empty takes every file, of a backfill"
            " those of its own day. Not with a full rebuild."
        ),
    },
    "landing_glob": {
        "type": "string",
        "pattern": INSIDE_LANDING,
        "minLength": 1,
        "maxLength": GLOB_LENGTH,
        "default": "*",
        "title": "Landing files",
        # Airflow's page shows no reason when it refuses a value: what is allowed stands here.
        "description": (
            "Names to take, such as *2026-01*, below the landing folder of the dataset: not '..',"
            " and no / or ~ at the beginning. Not with a full rebuild."
        ),
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
        "minLength": REASON_LENGTH[0],
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
    "source": {
        "type": "string",
        "enum": [*SOURCES],
        "default": "files",
        "title": "Source",
        "description": (
            "files takes what has landed; quarantine judges quarantined rows anew, patch takes"
            " files named patch-*, waive leaves quarantined rows out for good."
        ),
    },
    "quarantine_dataset": _filter("Quarantine: dataset", "Only rows of this dataset."),
    "quarantine_batch": _filter("Quarantine: batch", "Only rows that this batch quarantined."),
    "quarantine_reason": _filter(
        "Quarantine: reason", "Only rows with this reason, such as from_cost.unparseable."
    ),
    "movement_reason": {
        "type": ["null", "string"],
        "minLength": REASON_LENGTH[0],
        "maxLength": REASON_LENGTH[1],
        "default": None,
        "title": "Reason for the movement",
        "description": "Why rows leave quarantine, 3 to 200 characters; patch and waive need it.",
    },
}


def schemas_of(datasets: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The params of the pipeline with these datasets; the form offers these and no other."""
    narrowed = {**PARAM_SCHEMAS["quarantine_dataset"], "enum": [None, *datasets]}
    return {**PARAM_SCHEMAS, "quarantine_dataset": narrowed}
