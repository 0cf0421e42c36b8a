"""One run of a pipeline, and the batch that belongs to it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from assay.batch.input_kind import Movement
from assay.batch.inputs import Input
from assay.batch.params import RunParams

RunType = Literal["scheduled", "manual", "backfill", "asset_triggered"]  # as Airflow has them


@dataclass(frozen=True)
class Run:
    """One run of a pipeline, as the orchestrator knows it.

    `from_silver` is set for a pipeline that takes no files but the released silver of others.
    """

    pipeline: str
    datasets: list[str]
    run_id: str
    run_type: RunType
    batch_id: str
    batch_date: str
    params: RunParams
    user: str = ""
    from_silver: bool = False

    @property
    def kind(self) -> type[Input]:
        """What the batch of this run is made from."""
        return self.params.asked(from_silver=self.from_silver).kind

    @property
    def movement(self) -> Movement | None:
        """Which rows leave quarantine by this run, where it is about that."""
        return self.asked_movement if self.kind.how else None

    @property
    def asked_movement(self) -> Movement:
        """Which rows the params name, by whom and why."""
        params = self.params
        return Movement(
            who=self.user,
            why=params.movement_reason or "judged anew",
            only_dataset=params.quarantine_dataset,
            only_batch=params.quarantine_batch,
            only_reason=params.quarantine_reason,
        )

    @property
    def only_day(self) -> str | None:
        """The day whose files are taken; without one, every pending file is."""
        backfilled = self.batch_date if self.run_type == "backfill" else None
        return self.params.batch_date or backfilled


def batch_id_of(pipeline: str, run_id: str, batch_date: str) -> str:
    """The batch of a run: the same for every attempt, and readable."""
    return f"{pipeline}_{batch_date}_{hashlib.sha256(run_id.encode()).hexdigest()[:8]}"
