"""Typed settings: read once from the environment, with one error that names the variable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assay.errors import SettingsError

REPOSITORY = Path(__file__).resolve().parents[2]
CONTRACTS = REPOSITORY / "include" / "contracts"
SQL = REPOSITORY / "include" / "sql"
SPARK_JOBS = REPOSITORY / "include" / "spark_jobs"


@dataclass(frozen=True)
class Settings:
    """Where the state lives and what the machine may use.

    Every path is absolute. `driver_memory` is a Spark size such as `4g`.
    """

    home: Path
    spark_master: str
    driver_memory: str

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    @property
    def accepted(self) -> Path:
        return self.home / "accepted"

    @property
    def rejected(self) -> Path:
        return self.home / "rejected"

    @property
    def archive(self) -> Path:
        return self.home / "archive"

    @property
    def exports(self) -> Path:
        """Files of released gold tables that a run was asked for, by pipeline."""
        return self.home / "exports"

    @property
    def lake(self) -> Path:
        return self.home / "lake"

    @property
    def batches(self) -> Path:
        """One folder per batch: its plan, the results of its jobs, its change set."""
        return self.home / "batches"

    @property
    def data_docs(self) -> Path:
        return self.home / "data_docs"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def jars(self) -> Path:
        return self.home / "jars"

    @property
    def locks(self) -> Path:
        return self.home / "locks"


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the `ASSAY_*` variables; every one has a default.

    Raises SettingsError, naming the variable, when a value cannot be used.
    """
    home = Path(environ.get("ASSAY_HOME") or REPOSITORY / ".assay").expanduser()
    if not home.is_absolute():
        home = Path.cwd() / home
    memory = environ.get("ASSAY_DRIVER_MEMORY") or "4g"
    if not (memory[:-1].isdigit() and memory[-1] in "mg"):
        raise SettingsError(f"ASSAY_DRIVER_MEMORY={memory!r} is not a size such as 2g or 1500m")
    return Settings(
        home=home,
        spark_master=environ.get("ASSAY_SPARK_MASTER") or "local[*]",
        driver_memory=memory,
    )
