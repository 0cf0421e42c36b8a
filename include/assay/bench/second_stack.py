"""A second stack beside the one of the bench, of the same code or of another checkout's."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from assay.bench.commands import run_timed
from assay.bench.workbench import Booked, Workbench
from assay.errors import StackError
from assay.home.paths import child_environment
from assay.settings import Settings


class SecondStack(Workbench):
    """A bench whose stack is started and stopped by the programs of a checkout."""

    def __init__(self, first: Workbench, checkout: Path, files: int) -> None:
        super().__init__(first.base, files, first.rows, first.say)
        home = first.settings.home.with_name(f"{first.settings.home.name}-second")
        self.settings = dataclasses.replace(first.settings, home=home)
        self.program = checkout / ".venv" / "bin" / "assay"
        if not self.program.exists():
            raise StackError(f"{checkout} has no {self.program}; run make up there once")

    def share_spark(self, settings: Settings) -> None:
        """Share the JARs alone: the start-up cache is made anew by whoever finds another's."""
        self.link(settings, self.base.jars)

    def start_airflow(self) -> None:
        """Have the whole stack up."""
        self._assay("up")

    def booked(self, pipeline: str, run_id: str) -> Booked:
        """The batch of a run, as the checkout's own program reads its books."""
        listed = json.loads(self._assay("batch", "list", "--pipeline", pipeline, "--json"))
        (batch,) = (each for each in listed if each["run_id"] == run_id)
        return Booked(batch["batch_id"], batch["state"], batch["classes"], attempts=[])

    def stop(self) -> None:
        """Leave nothing running."""
        self._assay("down")

    def _assay(self, *command: str) -> str:
        environment = child_environment({"ASSAY_HOME": str(self.settings.home)})
        log = self.settings.logs / f"assay-{command[0]}.log"
        return run_timed([str(self.program), *command], environment, log).output
