"""The log of a Delta table, read as the JSON that it is: who committed what, and which files live.

Nothing of the pipeline and nothing of a Delta library stands between the log and the audit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from deltalake import DeltaTable

from assay.storage.addresses import Place
from assay.storage.objects import read_bytes, sizes_below

LOG = "_delta_log"
# Operations that may stand in a log without being a batch's own.
UPKEEP = (
    "CREATE TABLE",
    "OPTIMIZE",
    "VACUUM START",
    "VACUUM END",
    "SET TBLPROPERTIES",
    "UNSET TBLPROPERTIES",
)
UPKEEP_OF_SHAPE = ("ADD COLUMNS", "CHANGE COLUMN", "UPGRADE PROTOCOL", "CLUSTER BY")
Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
ENCODED_UUID = 20


@dataclass(frozen=True)
class LogEntry:
    """One version. `fence` is what the pipeline wrote into it; empty when it was not the pipeline.

    `added` maps every file that it brings, and every deletion vector, to its size or None.
    """

    version: int
    operation: str
    fence: dict[str, Any]
    txn_versions: tuple[int, ...]
    added: dict[str, dict[str, int | None]] = field(repr=False)
    removed: tuple[str, ...] = field(repr=False)

    @property
    def batch_id(self) -> str:
        return "" if self.is_upkeep else str(self.fence.get("batch_id", ""))

    @property
    def epoch(self) -> int:
        return int(self.fence.get("epoch", -1))

    @property
    def is_upkeep(self) -> bool:
        return self.operation in UPKEEP + UPKEEP_OF_SHAPE


def read_log(table: Place) -> list[LogEntry]:
    """Every version whose log is kept, oldest first; empty when there is no table."""
    versions = (name.removesuffix(".json") for name in sizes_below(table / LOG))
    return [
        _read_entry(table / LOG / f"{name}.json") for name in sorted(versions) if name.isdigit()
    ]


def _read_entry(file: Place) -> LogEntry:
    lines = read_bytes(file).decode().splitlines()
    actions = [json.loads(line) for line in lines if line.strip()]
    told: dict[str, Any] = next((a["commitInfo"] for a in actions if "commitInfo" in a), {})
    return LogEntry(
        version=int(file.stem),
        operation=str(told.get("operation", "")),
        fence=_fence(told.get("userMetadata")),
        txn_versions=tuple(a["txn"]["version"] for a in actions if "txn" in a),
        added={a["add"]["path"]: _files_of(a["add"]) for a in actions if "add" in a},
        removed=tuple(a["remove"]["path"] for a in actions if "remove" in a),
    )


def _fence(metadata: str | None) -> dict[str, Any]:
    try:
        fence = json.loads(metadata or "{}")
    except ValueError:
        return {}
    return fence if isinstance(fence, dict) else {}


def _files_of(add: dict[str, Any]) -> dict[str, int | None]:
    """Names below the table: the data file, and the file of its deletion vector if it has one."""
    files: dict[str, int | None] = {unquote(add["path"]): add["size"]}
    vector = add.get("deletionVector")
    if vector and vector["storageType"] == "u":
        files[_vector_name(vector["pathOrInlineDv"])] = None
    return files


def _vector_name(encoded: str) -> str:
    """`<folder><20 characters of Z85>` names `<folder>/deletion_vector_<uuid>.bin`."""
    folder, digits = encoded[:-ENCODED_UUID], encoded[-ENCODED_UUID:]
    words = [digits[at : at + 5] for at in range(0, ENCODED_UUID, 5)]
    content = b"".join(_decode(word).to_bytes(4, "big") for word in words)
    name = f"deletion_vector_{UUID(bytes=content)}.bin"
    return f"{folder}/{name}" if folder else name


def _decode(word: str) -> int:
    number = 0
    for digit in word:
        number = number * len(Z85) + Z85.index(digit)
    return number


def files_at(table: Place, log: list[LogEntry], versions: set[int]) -> dict[str, int | None]:
    """Every file that some of these versions needs, with its size where the log tells it."""
    needed: dict[str, int | None] = {}
    live: dict[str, dict[str, int | None]] = {}
    if log and log[0].version > 0:  # older entries are in a checkpoint, which delta-rs reads
        first = DeltaTable(table, version=log[0].version)
        for uri in first.file_uris():
            name = unquote(uri).removeprefix("file://").removeprefix(f"{table}/")
            live[name] = {name: None}
    for entry in log:
        for path in entry.removed:
            live.pop(path, None)
        live |= entry.added
        if entry.version in versions:
            needed |= {name: size for files in live.values() for name, size in files.items()}
    return needed
