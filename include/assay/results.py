"""What a stage hands on: one JSON file per attempt, named by its epoch.

A job writes its result as its last act, whole or not at all. Whoever needs the result of a stage
reads the one with the highest epoch, so that a fenced attempt that wakes late is never believed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from assay import errors
from assay.errors import AssayError, BatchError
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


def read_result(folder: str, stage: str, epoch: int) -> dict[str, Any]:
    """The result of one attempt. Raises BatchError when it wrote none."""
    path = Path(folder) / "results" / f"{stage}.{epoch}.json"
    if not path.is_file():
        raise BatchError(f"{path}: {stage} ended without a result; clear the task")
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def latest_result(folder: str, stage: str) -> dict[str, Any]:
    """The result of the newest finished attempt. Raises BatchError when there is none."""
    epochs = _epochs(folder, f"{stage}.*.json")
    if not epochs:
        raise BatchError(f"{folder}: no result of {stage}; clear the task {stage}")
    return read_result(folder, stage, max(epochs))


def write_ahead(folder: str, gate: str, epoch: int, rules: str, result: dict[str, Any]) -> None:
    """Leave the result of a gate that ran in the application of the stage with this epoch."""
    ahead = {"rules": rules, "result": result}
    write_whole(_ahead(folder, gate, epoch), json.dumps(ahead, default=str))


def take_ahead(folder: str, gate: str, stage: str, rules: str) -> dict[str, Any] | None:
    """What the gate found of the newest result of a stage; None when it must be run.

    It is given once, so that a gate that is cleared runs anew, and only under the same rules.
    """
    path = _ahead(folder, gate, max(_epochs(folder, f"{stage}.*.json"), default=0))
    if not path.is_file():
        return None
    ahead = json.loads(path.read_text())
    path.unlink()
    result: dict[str, Any] = ahead["result"]
    return result if ahead["rules"] == rules else None


def _ahead(folder: str, gate: str, epoch: int) -> Path:
    return Path(folder) / "ahead" / f"{gate}.{epoch}.json"


def next_epoch(folder: str) -> int:
    """The epoch after the newest one in this folder; for a dry run, which takes no lease."""
    return max(_epochs(folder, "*.json"), default=0) + 1


def _epochs(folder: str, pattern: str) -> list[int]:
    return [int(path.suffixes[-2][1:]) for path in (Path(folder) / "results").glob(pattern)]


def write_failure(folder: str, stage: str, epoch: int, error: AssayError) -> None:
    """Keep an error that a person must act on, for the task that started the job."""
    failure = {"error": type(error).__name__, "text": str(error)}
    write_whole(Path(folder) / "failures" / f"{stage}.{epoch}.json", json.dumps(failure))


def read_failure(folder: str, stage: str, epoch: int) -> AssayError | None:
    """The error that ended an attempt; None when it ended in another way."""
    path = Path(folder) / "failures" / f"{stage}.{epoch}.json"
    if not path.is_file():
        return None
    failure = json.loads(path.read_text())
    kind: type[AssayError] = getattr(errors, failure["error"], AssayError)
    return kind(failure["text"])
