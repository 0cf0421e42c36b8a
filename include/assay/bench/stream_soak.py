"""Part `stream_soak`: two hours of stream with its releases; what memory and files come to."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from threading import Event

import psutil
import psycopg
from deltalake import DeltaTable

from assay.airflow_client.follow import follow_everything
from assay.airflow_client.runs import AirflowRuns
from assay.bench.dag_runs import run_without_files, tell
from assay.bench.figures import Breakdown, PartResult, Ratio
from assay.bench.releasing import release_pending
from assay.bench.streaming import DATASET, streams_of_bench
from assay.bench.workbench import Workbench
from assay.cli.verify import conclude_audit, run_audit
from assay.contracts.pipelines import pipeline_carrying
from assay.errors import StackError
from assay.home.dsn import dsn
from assay.ledger.stream_states import stream_states
from assay.ledger.streams import StreamSource
from assay.operations.stream_trial import Trial, running_stream, send
from assay.settings import Settings
from assay.spark_runtime.server import find_server
from assay.streams.names import SOURCES

RATE, MINUTES, RELEASE_MINUTES = 250, 120, 5  # events a second of each source
KEPT_EVERY = 6  # releases from one maintenance of the tables to the next
WORKED_IN = ("landing", "accepted", "streams", "tmp")
MAINTENANCE = "lakehouse_maintenance"
MOST = 1.1


@dataclass(frozen=True)
class Sample:
    """How it was when a release had ended. Memory in MB; `files` in folders that are worked in."""

    minute: float
    stream: float
    server: float
    files: int
    lake_files: int
    log_files: int
    p95: float
    release: float

    def as_row(self) -> list[str]:
        return [
            f"{self.minute:.0f}",
            f"{self.stream:,.0f}",
            f"{self.server:,.0f}",
            f"{self.files:,}",
            f"{self.lake_files:,}",
            f"{self.log_files:,}",
            f"{self.p95:.2f}",
            f"{self.release:.1f}",
        ]


COLUMNS = (
    "minute",
    "MB of the stream",
    "MB of the warm Spark",
    "files in work",
    "data files of the lake",
    "files of its logs",
    "p95, s",
    "release, s",
)


def measure_stream_soak(
    bench: Workbench, minutes: float = MINUTES, release_minutes: float = RELEASE_MINUTES
) -> PartResult:
    """Files and Kafka at once, 500 events a second; released and kept in order by their DAGs."""
    if not bench.settings.is_warm:
        raise StackError("the soak is of the warm Spark; unset ASSAY_SPARK_MASTER")
    with streams_of_bench(bench) as settings:
        bench.start_airflow()
        for pipeline in (pipeline_carrying(DATASET).name, MAINTENANCE):
            run_without_files(bench, pipeline)
        with running_stream(settings, DATASET, "files", bench.say) as process:
            samples = _soak(bench, process, minutes * 60, release_minutes * 60)
        release_pending(bench)  # what came after the last one
        audited = conclude_audit(run_audit(settings))
    return PartResult(
        "stream_soak",
        ratios=_compare(samples),
        breakdowns=[
            Breakdown("after each release", COLUMNS, [sample.as_row() for sample in samples])
        ],
        notes=[audited],
    )


def _soak(
    bench: Workbench, process: subprocess.Popen[bytes], seconds: float, every: float
) -> list[Sample]:
    began, over = time.monotonic(), Event()
    samples: list[Sample] = []
    with ThreadPoolExecutor(len(SOURCES)) as pool:
        sending = [pool.submit(_send, bench.settings, source, over) for source in SOURCES]
        try:
            while time.monotonic() - began < seconds:
                _wait_while(sending, process, every * (len(samples) + 1) - time.monotonic() + began)
                took = release_pending(bench).seconds
                if len(samples) % KEPT_EVERY == KEPT_EVERY - 1:
                    _keep_order(bench)
                samples.append(_sample(bench.settings, process, time.monotonic() - began, took))
                bench.say(", ".join(map(" ".join, zip(COLUMNS, samples[-1].as_row(), strict=True))))
        finally:
            over.set()
        for each in sending:
            each.result()
    return samples


def _send(settings: Settings, source: StreamSource, over: Event) -> None:
    """A minute after the other, each a run of the producer."""
    while not over.is_set():
        send(settings, Trial(DATASET, source, RATE, 60, 0))


def _wait_while(
    sending: Sequence[Future[None]], process: subprocess.Popen[bytes], seconds: float
) -> None:
    """Let the time pass. Raises what a producer failed with, or that the stream has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for each in sending:
            if each.done():
                each.result()
        if process.poll() is not None:
            raise StackError(f"the stream has ended ({process.returncode})")
        time.sleep(1)


def _keep_order(bench: Workbench) -> None:
    runs = AirflowRuns(bench.settings, MAINTENANCE)
    follow_everything({runs: [runs.trigger({})]}, tell(bench))


def _sample(
    settings: Settings, process: subprocess.Popen[bytes], seconds: float, release: float
) -> Sample:
    server = find_server(settings)
    if server is None:
        raise StackError("the server of the bench does not run")
    with psycopg.connect(dsn(settings, "assay_reader")) as reader:
        measured = [state.measured for state in stream_states(reader)]
    tables = [log.parent for log in Path(settings.lake).glob("*/*/_delta_log")]
    jvm = psutil.Process(process.pid)
    return Sample(
        minute=seconds / 60,
        stream=_megabytes(jvm) + sum(map(_megabytes, jvm.children(recursive=True))),
        server=_megabytes(server),
        files=sum(_count(settings.home / name) for name in WORKED_IN),
        lake_files=sum(len(DeltaTable(str(table)).file_uris()) for table in tables),
        log_files=sum(_count(table / "_delta_log") for table in tables),
        p95=max((each.p95 or 0.0 for each in measured if each), default=0.0),
        release=release,
    )


def _megabytes(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):  # a child that has ended
        return float(process.memory_info().rss) / (1 << 20)
    return 0.0


def _count(folder: Path) -> int:
    """Files below a folder; what goes meanwhile is none."""
    return sum(len(files) for _, _, files in os.walk(folder))


def _compare(samples: Sequence[Sample]) -> list[Ratio]:
    """The last fifth against the second one."""
    share = len(samples) // 5 or 1
    early, late = samples[share : 2 * share] or samples, samples[-share:]

    def ratio(name: str, of: Callable[[Sample], float], goal: float | None, unit: str) -> Ratio:
        ours, theirs = ([median(map(of, part))] for part in (late, early))
        return Ratio(f"{name}, at the end / early", ours, theirs, goal, unit=unit)

    return [
        ratio("memory of the stream", lambda each: each.stream, MOST, "MB"),
        ratio("memory of the warm Spark", lambda each: each.server, MOST, "MB"),
        ratio("files in work", lambda each: each.files, 2.0, "files"),
        ratio("data files of the lake", lambda each: each.lake_files, None, "files"),
        ratio("files of its logs", lambda each: each.log_files, None, "files"),
        ratio("p95 from arrival to row", lambda each: each.p95, None, "s"),
    ]
