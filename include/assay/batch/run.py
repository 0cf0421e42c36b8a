"""One run of a pipeline, and the batch that belongs to it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from assay.batch.inputs import Input, Movement, Patch, Rebuild, Releases, Replay, Slices, Waiver
from assay.batch.params import RunParams

KINDS: dict[str, type[Input]] = {
    "files": Slices,
    "patch": Patch,
    "quarantine": Replay,
    "waive": Waiver,
}
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
        if self.from_silver:
            return Releases
        return Rebuild if self.params.full_rebuild else KINDS[self.params.source]

    @property
    def takes_files(self) -> bool:
        return issubclass(self.kind, Slices)

    @property
    def movement(self) -> Movement | None:
        """Which rows leave quarantine by this run, where it is about that."""
        params = self.params
        if self.kind.how is None:
            return None
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
