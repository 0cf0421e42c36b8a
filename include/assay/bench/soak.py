"""Part `soak`: the warm Spark's memory over many small batches, and what it costs when idle."""

from __future__ import annotations

import dataclasses
import time
from statistics import median

import psutil
import psycopg

from assay import ledger
from assay.batch.params import RunParams
from assay.batch.plan import Plan, read_plan
from assay.batch.run import Run
from assay.batch.states import COMMITTING
from assay.bench.commands import as_operator_does, run_timed
from assay.bench.figures import PartResult, Ratio
from assay.bench.gates import pass_gates
from assay.bench.lakes import connecting
from assay.bench.workbench import PIPELINE, Workbench, deliver
from assay.errors import StackError
from assay.events.sinks import sent_to
from assay.home.dsn import dsn
from assay.intake.accept import accept_files
from assay.publish import publish_pending, stage_batch
from assay.settings import JOB_PROGRAMS, Settings
from assay.spark_runtime.server import find_server
from assay_stack.programs import SPARK_PROGRAMS, program_states

BATCHES = 300
ROWS = 100
IDLE_SECONDS = 60
STAGES = ("ingest_bronze", "build_silver", "build_gold", "commit")


def measure_soak(bench: Workbench, batches: int = BATCHES) -> PartResult:
    """Every stage of every batch is a client of its own, as in the DAG; each batch is published."""
    if not bench.settings.is_warm:
        raise StackError("the soak is of the warm Spark; unset ASSAY_SPARK_MASTER")
    bench.start_spark()
    bench.make_database("soak", migrated=True)
    settings = dataclasses.replace(bench.settings, home=bench.settings.home / "soak")
    truth = bench.generate("soak", files=batches, rows=ROWS, days=batches)
    held = []
    for number, file in enumerate(truth.files, start=1):
        deliver([truth.options.out / file.name], settings.landing / PIPELINE)
        with sent_to():  # what a batch tells is not told three hundred times
            _run_batch(bench, settings, f"b{number:03}")
        held.append(_megabytes(bench.settings))
        if number % 10 == 0:
            bench.say(f"{number} of {batches} batches; the server has {held[-1]:,.0f} MB")
    share = len(held) // 5 or 1
    return PartResult(
        "soak",
        ratios=[
            Ratio(
                f"memory of the server after {batches} batches / after {2 * share}",
                [median(held[-share:])],
                [median(held[share : 2 * share] or held)],
                goal=1.1,
                unit="MB",
            ),
            Ratio(
                "idle, processor time of the server and the host of clients / a core's",
                [_idle_seconds(bench.settings)],
                [IDLE_SECONDS],
                goal=0.02,
            ),
        ],
        notes=[f"the server had {min(held):,.0f} to {max(held):,.0f} MB"],
    )


def _run_batch(bench: Workbench, settings: Settings, name: str) -> None:
    connect, uri = connecting(bench, "soak"), dsn(bench.settings, "assay_loader", "soak")
    run = Run(PIPELINE, [PIPELINE], name, "manual", name, "2026-01-01", RunParams())
    plan = accept_files(settings, connect, run)
    for stage in STAGES:
        with psycopg.connect(uri) as connection:
            epoch = ledger.take_epoch(connection, plan.pipeline, "make bench")
            if stage == "commit":
                pass_gates(connection, plan, epoch)
        if stage == "commit":
            stage_batch(connect, uri, plan, epoch)
        _run_stage(bench, plan, stage, epoch)
    with psycopg.connect(uri) as connection:
        ledger.resume_batch(connection, plan.batch_id, COMMITTING)
        ledger.record_commit(connection, plan.batch_id, epoch)
        epoch = ledger.take_epoch(connection, plan.pipeline, "make bench")
    publish_pending(
        connect,
        uri,
        PIPELINE,
        epoch,
        lambda batch_id: read_plan(settings.batches / batch_id / "plan.json"),
    )


def _run_stage(bench: Workbench, plan: Plan, stage: str, epoch: int) -> None:
    entry = JOB_PROGRAMS / "run_stage.py"
    request = (stage, f"{plan.folder}/plan.json", str(epoch))
    command, environment = as_operator_does(bench.settings, entry, *request)
    run_timed(command, environment, bench.settings.logs / f"soak-{stage}.log")


def _megabytes(settings: Settings) -> float:
    server = find_server(settings)
    if server is None:
        raise StackError("the server of the bench does not run")
    return float(server.memory_info().rss) / (1 << 20)


def _idle_seconds(settings: Settings) -> float:
    states = program_states(settings)
    ours = [psutil.Process(states[name].pid) for name in SPARK_PROGRAMS]
    before = _processor_seconds(ours)
    time.sleep(IDLE_SECONDS)
    return _processor_seconds(ours) - before


def _processor_seconds(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)
