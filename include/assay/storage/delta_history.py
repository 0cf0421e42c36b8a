"""Who committed what to a Delta table, newest first, and its size, read without a JVM."""

from __future__ import annotations

import json
from dataclasses import dataclass

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from assay.errors import BatchError

SETTINGS = {"SET TBLPROPERTIES", "UNSET TBLPROPERTIES"}
MAINTENANCE = {"OPTIMIZE", "VACUUM START", "VACUUM END", *SETTINGS}


@dataclass(frozen=True)
class Commit:
    """One version of a Delta table; the fields of its fence are empty when it was not ours."""

    version: int
    batch_id: str = ""
    epoch: int = -1
    digest: str = ""


NO_TABLE = Commit(version=-1)


def commits(path: str, limit: int = 20) -> list[Commit]:
    """The newest commits that changed content, newest first; empty when there is no table."""
    try:
        table = DeltaTable(path)
    except TableNotFoundError:
        return []
    found: list[Commit] = []
    asked, told = limit, limit
    while told == asked and len(found) < limit:
        asked *= 2
        history = table.history(asked)
        told = len(history)
        found = [_as_commit(e) for e in history if e.get("operation") not in MAINTENANCE]
    return found[:limit]


def size_of(path: str) -> int:
    """Bytes of the files of the newest version; 0 when there is no table."""
    try:
        files = DeltaTable(path).get_add_actions(flatten=True)
    except TableNotFoundError:
        return 0
    return sum(files["size_bytes"].to_pylist())


def _as_commit(entry: dict[str, object]) -> Commit:
    try:
        ours = json.loads(str(entry.get("userMetadata") or "{}"))
    except ValueError:
        ours = {}
    known = {key: ours[key] for key in ("batch_id", "epoch", "digest") if key in ours}
    return Commit(version=int(str(entry["version"])), **known)


def head(path: str) -> Commit:
    """The newest commit. Raises BatchError when there is no table."""
    found = commits(path)
    if not found:
        raise BatchError(f"{path}: no such table; run the stage before this one")
    return found[0]


def base_of(path: str, batch_id: str) -> Commit:
    """The version that this batch changes: the head, or what its own commits were made on.

    NO_TABLE when there is none yet. Raises BatchError when the batch is committed and later
    batches were built on it.
    """
    found = commits(path)
    others = [commit for commit in found if commit.batch_id != batch_id]
    if not others:
        return NO_TABLE
    if any(c.batch_id == batch_id and c.version < others[0].version for c in found):
        raise BatchError(
            f"{path}: batch {batch_id} is committed and later batches are built on it; "
            "to apply a changed rule to it, trigger a run with full_rebuild"
        )
    return others[0]
