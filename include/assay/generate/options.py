"""What a set of files shall hold, and the arithmetic that spreads its records.

Every record has a position in the set. A step that has no factor in common with the number of
records maps positions to ranks one to one, so each file can be made alone and still no subject
(trade, event, …) occurs twice; the lowest ranks are the special records, and the step spreads them
evenly.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from math import gcd
from pathlib import Path

from assay.errors import SettingsError

MOST_RECORDS = 2_000_000_000
GOLDEN_RATIO = 0.6180339887498949
COUNTS = {"files": 1, "rows": 1, "customers": 1, "days": 1, "seed": 0, "gzip_every": 0}
SHARES = ("defects", "duplicates", "updates", "late")


@dataclass(frozen=True)
class SetOptions:
    """One set of files. `rows` counts all records of a file; shares are of all records."""

    out: Path
    truth: Path | None = None
    files: int = 200
    rows: int = 10_000
    customers: int = 20_000
    seed: int = 7
    start: date = date(2026, 1, 1)
    days: int = 30
    defects: float = 0.01
    duplicates: float = 0.005
    updates: float = 0.01
    late: float = 0.01
    damaged: bool = False
    gzip_every: int = 0
    shape: str = ""

    def __post_init__(self) -> None:
        for name, least in COUNTS.items():
            if getattr(self, name) < least:
                raise SettingsError(f"{name}={getattr(self, name)}: must be at least {least}")
        for name in SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"{name}={getattr(self, name)}: must be a share from 0 to 1")
        if self.records > MOST_RECORDS:
            raise SettingsError(f"files x rows = {self.records:,}: at most {MOST_RECORDS:,}")
        if self.subjects < 1:
            raise SettingsError(f"{' + '.join(SHARES)} leave no plain record; lower one")
        if self.out.parts[:1] in (("s3a:",), ("s3:",)):
            raise SettingsError(f"out={self.out}: must be a folder; upload the files from there")
        if self.truth_path.resolve().is_relative_to(self.out.resolve()):
            raise SettingsError(f"truth={self.truth_path}: must lie outside {self.out}")

    @property
    def truth_path(self) -> Path:
        """Beside the folder, never in it: what lies in landing is taken as a delivery."""
        return self.truth or self.out.parent / f"{self.out.name}.truth.json"

    @property
    def records(self) -> int:
        return self.files * self.rows

    @property
    def special(self) -> dict[str, int]:
        """Records by kind, for every kind that is not the first version of a subject."""
        shares = {
            "update": self.updates,
            "late": self.late,
            "duplicate": self.duplicates,
            "defect": self.defects,
        }
        return {kind: round(self.records * share) for kind, share in shares.items()}

    @property
    def subjects(self) -> int:
        """Distinct good subjects: trades, events, …"""
        return self.records - sum(self.special.values())

    @property
    def step(self) -> int:
        step = max(1, round(self.records * GOLDEN_RATIO))
        while gcd(step, self.records) != 1:
            step += 1
        return step

    @property
    def shift(self) -> int:
        """Makes every seed place its special records elsewhere."""
        return int(hashlib.sha256(str(self.seed).encode()).hexdigest(), 16) % self.records

    def day_of(self, number: int) -> date:
        """The day in the name of file `number`, from 1."""
        return self.start + timedelta(days=(number - 1) * self.days // self.files)

    def is_zipped(self, number: int) -> bool:
        return self.gzip_every > 0 and number % self.gzip_every == 0
