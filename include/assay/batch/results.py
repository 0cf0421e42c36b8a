"""What a stage hands on: one JSON file per attempt, named by its epoch.

A job writes its result as its last act, whole or not at all. Whoever needs the result of a stage
reads the one with the highest epoch, so that a fenced attempt that wakes late is never believed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from assay import errors
from assay.errors import AssayError, BatchError
from assay.storage.files import write_whole

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
RecordClass = Literal["new", "updated", "duplicate", "superseded", "quarantined"]
RECORD_CLASSES: tuple[RecordClass, ...] = (
    "new",
    "updated",
    "duplicate",
    "superseded",
    "quarantined",
)
GOOD_CLASSES = RECORD_CLASSES[:4]


def write_result(folder: str, stage: str, epoch: int, result: Mapping[str, object]) -> Path:
    """Write `<folder>/results/<stage>.<epoch>.json`."""
    path = _result(folder, stage, epoch)
    write_whole(path, json.dumps({"stage": stage, "epoch": epoch, **result}, indent=1, default=str))
    return path


def has_result(folder: str, stage: str, epoch: int) -> bool:
    """Whether an attempt came to its end."""
    return _result(folder, stage, epoch).is_file()


def read_result(folder: str, stage: str, epoch: int) -> dict[str, Any]:
    """The result of one attempt. Raises BatchError when it wrote none."""
    path = _result(folder, stage, epoch)
    if not path.is_file():
        raise BatchError(f"{path}: {stage} ended without a result; clear the task")
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def latest_result(folder: str, stage: str) -> dict[str, Any]:
    """The result of the newest finished attempt. Raises BatchError when there is none."""
    epochs = epochs_of(folder, stage)
    if not epochs:
        raise BatchError(f"{folder}: no result of {stage}; clear the task {stage}")
    return read_result(folder, stage, max(epochs))


def next_epoch(folder: str) -> int:
    """The epoch after the newest attempt in this folder; for a dry run, which takes no lease."""
    return max(_epochs(folder, "*.json"), default=0) + 1


def _result(folder: str, stage: str, epoch: int) -> Path:
    return Path(folder) / "results" / f"{stage}.{epoch}.json"


def epochs_of(folder: str, stage: str) -> list[int]:
    """The epochs of the attempts at a stage that came to their end."""
    return _epochs(folder, f"{stage}.*.json")


def _epochs(folder: str, pattern: str) -> list[int]:
    return [int(path.suffixes[-2][1:]) for path in (Path(folder) / "results").glob(pattern)]


def write_failure(folder: str, stage: str, epoch: int, error: AssayError) -> None:
    """Keep an error that a person must act on, for the task that started the job."""
    failure = {"error": type(error).__name__, "text": str(error)}
    write_whole(Path(folder) / "failures" / f"{stage}.{epoch}.json", json.dumps(failure))


def from_json(kind: type[T], facts: Mapping[str, Any]) -> T:
    """A dataclass as it was written; a key that it has no field for is left out.

    So what an earlier version of the program wrote stays readable.
    """
    known = {each.name for each in fields(kind)}
    return kind(**{name: value for name, value in facts.items() if name in known})


def read_failure(folder: str, stage: str, epoch: int) -> AssayError | None:
    """The error that ended an attempt; None when it ended in another way."""
    path = Path(folder) / "failures" / f"{stage}.{epoch}.json"
    if not path.is_file():
        return None
    failure = json.loads(path.read_text())
    kind: type[AssayError] = getattr(errors, failure["error"], AssayError)
    return kind(failure["text"])
