"""How the application of a pipeline's streams is launched, and ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil

from assay.home.paths import child_environment
from assay.settings import JOB_PROGRAMS, Settings
from assay.spark_runtime.jars import Group, ensure_jars, job_groups, kafka_jars
from assay.spark_runtime.java import ensure_java
from assay.spark_runtime.launch import SparkLaunch, launch

PROGRAM = JOB_PROGRAMS / "stream_bronze.py"
# A micro-batch has few rows: what Spark does to be fast with many costs more than it saves.
CONF = {
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    # Nobody looks at the plan of a micro-batch, and to write it down takes longer than to run it.
    "spark.sql.ui.explainMode": "simple",
    "spark.sql.maxPlanStringLength": "1000",
    "spark.sql.streaming.noDataMicroBatches.enabled": "false",
    "spark.sql.streaming.minBatchesToRetain": "20",
    "spark.sql.ui.retainedExecutions": "5",
    "spark.ui.retainedJobs": "20",
    "spark.ui.retainedStages": "20",
    "spark.ui.retainedTasks": "200",
    # It would be told of each micro-batch that the next one has to wait for it.
    "spark.log.level": "ERROR",
    # Queries of several datasets share the cores.
    "spark.scheduler.mode": "FAIR",
}
MEANINGS = {
    3: "its heap is full; raise ASSAY_STREAM_MEMORY",
    4: "records of Kafka are lost; see `assay stream status`",
    5: "a newer holder has taken one of its streams",
}


def prepare_stream(settings: Settings, say: Callable[[str], None]) -> None:
    """Make ready what the application needs: Java and its JARs."""
    ensure_java(settings)
    for group in stream_groups(settings):
        ensure_jars(settings, say, group)


def stream_groups(settings: Settings) -> list[Group]:
    """The groups of JARs: those of jobs, and of Kafka where there is a broker."""
    more: list[Group] = ["kafka"] if settings.uses_kafka else []
    return [*job_groups(settings), *more]


def launch_stream(settings: Settings, pipeline: str) -> SparkLaunch:
    """Settings of the application of a pipeline's streams, of which one runs at a time.

    It finds the password of its role in the file of secrets, which only its user can read.
    """
    own = replace(
        settings,
        spark_master=settings.stream_master,
        spark_parameters="",
        driver_memory=settings.stream_memory,
    )
    job = launch(own, lock=lock_of(settings, pipeline).stem, holder=f"streams of {pipeline}")
    broker = {"ASSAY_KAFKA": "yes"} if settings.own_broker else {}
    return replace(
        job,
        conf={**job.conf, **CONF, **_kafka_conf(settings)},
        environment={**job.environment, **broker},
    )


def lock_of(settings: Settings, pipeline: str) -> Path:
    """What the application of a pipeline's streams holds, from before Spark starts to its end."""
    return settings.locks / f"stream_{pipeline}.lock"


def _kafka_conf(settings: Settings) -> dict[str, str]:
    """Kafka's classes, apart from the class path that the start-up cache was made for."""
    if not settings.uses_kafka:
        return {}
    return {"spark.jars": ",".join(str(path) for path in kafka_jars(settings))}


def stream_command(
    settings: Settings, pipeline: str, *arguments: str
) -> tuple[list[str], dict[str, str]]:
    """Command line and environment of the application without Airflow."""
    job = launch_stream(settings, pipeline)
    conf = [part for name, value in job.conf.items() for part in ("--conf", f"{name}={value}")]
    master = ["--master", settings.stream_master, "--driver-memory", job.driver_memory]
    command = [job.program, *master, "--name", f"stream {pipeline}", *conf]
    return [*command, str(PROGRAM), pipeline, *arguments], child_environment(job.environment)


def end_gracefully(pid: int, seconds: float) -> bool:
    """Ask the driver below a JVM to end after its micro-batch; whether the JVM has ended since.

    A signal to the JVM itself would cut off its driver.
    """
    deadline = time.monotonic() + seconds
    with suppress(psutil.Error):
        jvm = psutil.Process(pid)
        for process in _drivers(jvm.children(recursive=True)):
            process.terminate()
        # Whoever has started it wants its exit code, so it is not waited for as a child is.
        while jvm.is_running() and jvm.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
    return True


def _drivers(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    found = []
    for process in processes:
        with suppress(psutil.Error):
            if PROGRAM.name in " ".join(process.cmdline()):
                found.append(process)
    return found
