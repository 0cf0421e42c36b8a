"""A lake as it would be, had it been written days earlier: files, log entries and their times."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

DAY_MS = 86_400_000
TIMES = ("timestamp", "deletionTimestamp", "modificationTime")


def age_lake(lake: Path, days: int) -> None:
    """Move every time that Delta goes by into the past."""
    for log in lake.rglob("_delta_log/*.json"):
        entries = [json.loads(line) for line in log.read_text().splitlines()]
        texts = [json.dumps(_aged(entry, days), separators=(",", ":")) for entry in entries]
        log.write_text("\n".join(texts) + "\n")
        log.with_name(f".{log.name}.crc").unlink(missing_ok=True)  # Hadoop's, of the old text
    for path in lake.rglob("*"):
        then = path.stat().st_mtime - days * DAY_MS / 1000
        os.utime(path, (then, then))


def _aged(entry: dict[str, Any], days: int) -> dict[str, Any]:
    for facts in entry.values():
        for name in TIMES:
            if isinstance(facts.get(name), int):
                facts[name] -= days * DAY_MS
    return entry
