"""A committed batch made by the product's own stages, without Airflow and in one session."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from assay import ledger
from assay.batch.params import RunParams
from assay.batch.plan import Plan
from assay.batch.run import Run
from assay.batch.stage_results import read_silver
from assay.batch.states import COMMITTING
from assay.bench.commands import PROGRAMS, as_operator_does, run_timed
from assay.bench.gates import pass_gates
from assay.bench.workbench import PIPELINE, Workbench, deliver
from assay.home.dsn import dsn
from assay.intake.accept import accept_files
from assay.settings import Settings
from assay.words import count


@dataclass(frozen=True)
class Lake:
    """A lake with one batch that is committed and not yet published."""

    settings: Settings
    database: str
    plan: Plan
    stage_seconds: dict[str, float]

    @property
    def change_set(self) -> str:
        return read_silver(self.plan.folder).datasets["trades"].change_set


def committed_lake(bench: Workbench, files: int, number: int = 1) -> Lake:
    """Accept the first files of the full load and run the stages up to commit.

    Once for each size and number: the same files make several lakes.
    """
    name = f"lake_{files}_{number}"
    if name not in bench.made:
        bench.made[name] = _make(bench, name, files)
    lake: Lake = bench.made[name]
    return lake


def _make(bench: Workbench, name: str, files: int) -> Lake:
    paths = bench.full_files(files)
    bench.start_spark()
    bench.make_database(name, migrated=True)
    settings = dataclasses.replace(bench.settings, home=bench.settings.home / name)
    settings.home.mkdir()
    deliver(paths, settings.landing / PIPELINE)
    bench.say(f"bringing {count(files, 'file')} into a lake, in one session of Spark")
    run = Run(PIPELINE, [PIPELINE], name, "manual", name, "2026-01-01", RunParams())
    plan = accept_files(settings, connecting(bench, name), run)
    command, environment = as_operator_does(
        bench.settings, PROGRAMS / "run_stages.py", f"{plan.folder}/plan.json"
    )
    done = run_timed(command, environment, bench.settings.logs / f"{name}.log")
    with psycopg.connect(dsn(bench.settings, "assay_loader", name)) as connection:
        epoch = ledger.take_epoch(connection, plan.pipeline, "bench")
        pass_gates(connection, plan, epoch)
        ledger.resume_batch(connection, plan.batch_id, COMMITTING)
        ledger.record_commit(connection, plan.batch_id, epoch)
    return Lake(settings, name, plan, json.loads(done.output.splitlines()[-1]))


def connecting(bench: Workbench, database: str) -> Callable[[], psycopg.Connection[Any]]:
    """What opens connections of the loader to a database of the bench."""
    return lambda: psycopg.connect(dsn(bench.settings, "assay_loader", database))
