"""One run of a pipeline, and the batch that belongs to it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from assay.params import RunParams
from assay.plan import Movement

HOW: dict[str, Literal["replayed", "patched", "waived"]] = {
    "quarantine": "replayed",
    "patch": "patched",
    "waive": "waived",
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
    def source(self) -> Literal["files", "bronze", "silver", "quarantine"]:
        """What the batch of this run is made from."""
        if self.from_silver:
            return "silver"
        if self.params.source in ("quarantine", "waive"):
            return "quarantine"
        return "bronze" if self.params.full_rebuild else "files"

    @property
    def movement(self) -> Movement | None:
        """How rows leave quarantine in this run, where it is about that."""
        params = self.params
        how = HOW.get(params.source)
        if how is None or self.from_silver:
            return None
        return Movement(
            how=how,
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
