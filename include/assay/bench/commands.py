"""Running a program of the bench: wall time, and the processor time of all its processes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.errors import StackError
from assay.home.paths import BIN, child_environment
from assay.settings import Settings
from assay.spark_runtime.conf import spark_environment
from assay.spark_runtime.launch import launch

PROGRAMS = Path(__file__).with_name("programs")


@dataclass(frozen=True)
class Timed:
    """What a program took, and what it printed."""

    wall: float
    cpu: float
    output: str


def run_timed(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Timed:
    """Run a program to its end. Raises StackError, naming its log, when it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with log.open("w") as errors, log.with_suffix(".out").open("w+") as output:
        process = subprocess.Popen(  # noqa: S603
            command, env=dict(environment), stdout=output, stderr=errors
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        printed = output.read()
    if process.returncode:
        raise StackError(f"{Path(command[0]).name} {_last_line(log, printed)} (all of it: {log})")
    return Timed(wall, usage.ru_utime + usage.ru_stime, printed)


def _last_line(log: Path, printed: str) -> str:
    lines = [line for line in (log.read_text() + printed).splitlines() if line.strip()]
    return f"failed: {lines[-1].strip()[:300]}" if lines else "failed without a word"


def as_operator_does(
    settings: Settings, program: Path, *arguments: str
) -> tuple[list[str], dict[str, str]]:
    """Command line and environment of a Spark job as `SparkStageOperator` starts it."""
    job = launch(settings, lock="bench", holder="make bench")
    options = [part for name, value in job.conf.items() for part in ("--conf", f"{name}={value}")]
    memory = ["--driver-memory", job.driver_memory]
    master = ["--master", settings.spark_master]
    command = [job.program, *master, *options, *memory, str(program), *arguments]
    return command, child_environment(job.environment)


def plain_spark_submit(options: Sequence[str], program: Path, *arguments: str) -> list[str]:
    """A `spark-submit` without anything of ours but the options given."""
    return [str(BIN / "spark-submit"), *options, str(program), *arguments]


def plain_environment(settings: Settings, **extra: str) -> dict[str, str]:
    return child_environment({**spark_environment(settings), **extra})
