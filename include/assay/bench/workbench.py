"""Where a bench works: a home of its own, made when needed and removed at the end.

JARs and start-up cache are those of the real home; everything else is new. Nothing is left
running.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
from psycopg import sql

from assay.errors import StackError
from assay.generate.options import SetOptions
from assay.generate.recipes import recipe_of
from assay.generate.truth import Truth
from assay.generate.write import generate
from assay.home.dsn import dsn
from assay.home.ports import choose_ports
from assay.home.processes import find_supervisor
from assay.ledger.tasks import TaskAttempt, task_summaries
from assay.ledger.views.batches import batch_reports
from assay.serving.evolution import evolve_tables
from assay.serving.migrations import migrate
from assay.settings import Settings
from assay.spark_runtime.conf import prepare_spark
from assay.spark_runtime.jars import ensure_jars
from assay.storage.addresses import Place
from assay.words import Say, count
from assay_stack.airflow import unhealthy_parts
from assay_stack.postgres import ensure_cluster, ensure_databases
from assay_stack.programs import (
    AIRFLOW_PROGRAMS,
    call_supervisor,
    program_states,
    start_program,
    start_supervisor,
)
from assay_stack.supervisor import down, start_spark, up

PIPELINE = "trades"  # the one that most parts measure
BOOT_SECONDS = 60.0
AGED = 60.0


@dataclass(frozen=True)
class Booked:
    """What the books of a stack say of the batch of a run."""

    batch_id: str
    state: str
    classes: dict[str, int]
    attempts: list[TaskAttempt]


class Workbench:
    """One run of the bench: `base` is the real home, `settings` are those of the bench's own.

    `before` is a checkout to compare with. `made` holds what is costly to make and shared by
    several parts, such as the first load.
    """

    def __init__(
        self, base: Settings, files: int, rows: int, say: Say, before: Path | None = None
    ) -> None:
        self.base = base
        self.before = before
        self.files = files
        self.rows = rows
        self.say = say
        self.settings = dataclasses.replace(base, home=base.home / "bench" / f"run-{os.getpid()}")
        self.made: dict[str, Any] = {}

    def __enter__(self) -> Workbench:
        self.settings.home.mkdir(parents=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if find_supervisor(self.settings):
            self.stop()
        shutil.rmtree(self.settings.home, ignore_errors=True)

    def stop(self) -> None:
        """Leave nothing running."""
        down(self.settings, self.say)

    def keep_logs(self) -> Path:
        """Copy the logs to where they outlive the bench; errors name the originals."""
        kept = self.base.home / "bench" / "logs"
        if self.settings.logs.exists():
            shutil.copytree(self.settings.logs, kept, dirs_exist_ok=True)
        return kept

    def prepare_spark(self) -> None:
        """Have Java, JARs and the start-up cache in the real home, and share them."""
        prepare_spark(self.base, self.say)
        ensure_jars(self.base, self.say, "bench")
        self.share_spark(self.settings)

    def share_spark(self, settings: Settings) -> None:
        """Give another home the JARs and the Java of the real one."""
        for shared in (self.base.jars, self.base.home / "java"):
            self.link(settings, shared)

    def link(self, settings: Settings, shared: Path) -> None:
        link = settings.home / shared.name
        if not link.is_symlink():
            shutil.rmtree(link, ignore_errors=True)  # a part without Spark may have made its own
            link.symlink_to(shared.resolve())

    @property
    def truth(self) -> Truth:
        """That of the full load of the reference pipeline."""
        return self.truth_of(PIPELINE)

    def truth_of(self, dataset: str) -> Truth:
        """The files of a full load, generated once; copies of them are delivered."""
        made = f"files of {dataset}"
        if made not in self.made:
            self.say(
                f"generating {count(self.files, 'file')} of {dataset}, {self.rows:,} records each"
            )
            self.made[made] = self.generate("full", dataset, files=self.files, rows=self.rows)
        known: Truth = self.made[made]
        return known

    def generate(self, name: str, dataset: str = PIPELINE, **given: Any) -> Truth:
        """One set of files, of as many customers as there can be, up to those of the reference."""
        recipe = recipe_of(dataset)
        folder = self.settings.home / "generated" / name / dataset
        most = {"customers": recipe.most_customers or SetOptions.customers}
        return generate(dataset, recipe.options(out=folder, **{**most, **given}))

    def full_files(self, limit: int | None = None, dataset: str = PIPELINE) -> list[Path]:
        """The files of a full load, or the first of them."""
        truth = self.truth_of(dataset)
        return [truth.options.out / file.name for file in truth.files[:limit]]

    def start_postgres(self) -> None:
        """Have Postgres up, and Airflow neither started nor using the machine."""
        if find_supervisor(self.settings):
            for name in reversed(AIRFLOW_PROGRAMS):
                if program_states(self.settings)[name].state == "RUNNING":
                    call_supervisor(self.settings, "stopProcess", name)
            return
        self.say("starting Postgres")
        choose_ports(self.settings, self.say)
        ensure_cluster(self.settings)
        start_supervisor(self.settings)
        start_program(self.settings, "postgres")
        self._wait_for_postgres()
        ensure_databases(self.settings)

    def _wait_for_postgres(self) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while True:
            try:
                psycopg.connect(dsn(self.settings, "postgres", "postgres")).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise StackError("Postgres of the bench does not answer") from None
                time.sleep(0.25)
            else:
                return

    def start_airflow(self) -> None:
        """Have the whole stack up."""
        if not find_supervisor(self.settings) or unhealthy_parts(self.settings):
            up(self.settings, self.say)

    def booked(self, pipeline: str, run_id: str) -> Booked:
        """The batch of a run, which has ended."""
        with psycopg.connect(dsn(self.settings, "assay_reader")) as connection:
            (batch,) = (b for b in batch_reports(connection, pipeline) if b.run_id == run_id)
            attempts = task_summaries(connection, batch.batch_id)
        return Booked(batch.batch_id, batch.state, batch.classes, attempts)

    def start_spark(self) -> None:
        """Have Postgres up, and the warm Spark where that is set."""
        self.prepare_spark()
        self.start_postgres()
        start_spark(self.settings, self.say)

    def make_database(self, name: str, *, migrated: bool) -> None:
        """A new database, owned by assay_owner, in place of one of that name."""
        with psycopg.connect(
            dsn(self.settings, "postgres", "postgres"), autocommit=True
        ) as connection:
            database = sql.Identifier(name)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(database))
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER assay_owner").format(database))
        if migrated:
            with psycopg.connect(dsn(self.settings, "assay_owner", name)) as connection:
                migrate(connection)
                evolve_tables(connection)

    def settle(self) -> None:
        """Have Postgres write out what it holds, so that no round pays for the one before."""
        with psycopg.connect(
            dsn(self.settings, "postgres", "postgres"), autocommit=True
        ) as connection:
            connection.execute("CHECKPOINT")


def deliver(files: Sequence[Path], landing: Place) -> None:
    """Copy files into a landing folder; each appears whole. A bench has its home on its disk.

    They look as if they had come a minute ago: a run does not wait until they are at rest.
    """
    landing = Path(landing)
    landing.mkdir(parents=True, exist_ok=True)
    came = time.time() - AGED
    for path in files:
        copy = landing / f".{path.name}.tmp"
        shutil.copyfile(path, copy)
        os.utime(copy, (came, came))
        copy.rename(landing / path.name)
