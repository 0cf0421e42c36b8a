"""What a stage hands on: one JSON file per attempt, named by its epoch.

A job writes its result as its last act, whole or not at all. Whoever needs the result of a stage
reads the one with the highest epoch, so that a fenced attempt that wakes late is never believed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from assay.errors import BatchError
from assay.files import write_whole

RecordClass = Literal["new", "updated", "duplicate", "superseded", "quarantined"]
RECORD_CLASSES: tuple[RecordClass, ...] = (
    "new",
    "updated",
    "duplicate",
    "superseded",
    "quarantined",
)
GOOD_CLASSES = RECORD_CLASSES[:4]


def write_result(folder: str, stage: str, epoch: int, result: dict[str, Any]) -> Path:
    """Write `<folder>/results/<stage>.<epoch>.json`."""
    path = Path(folder) / "results" / f"{stage}.{epoch}.json"
    write_whole(path, json.dumps({"stage": stage, "epoch": epoch, **result}, indent=1, default=str))
    return path


def latest_result(folder: str, stage: str) -> dict[str, Any]:
    """The result of the newest finished attempt. Raises BatchError when there is none."""
    paths = list((Path(folder) / "results").glob(f"{stage}.*.json"))
    if not paths:
        raise BatchError(f"{folder}: no result of {stage}; clear the task {stage}")
    newest = max(paths, key=lambda path: int(path.suffixes[-2][1:]))
    result: dict[str, Any] = json.loads(newest.read_text())
    return result
