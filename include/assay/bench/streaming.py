"""Part `stream`: from the making of an event to its row in Postgres, and how a backlog shrinks."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import psycopg

from assay.bench.figures import PartResult, Ratio
from assay.bench.prior_streaming import measure_prior_stream
from assay.bench.workbench import Workbench
from assay.contracts.load import load_contract
from assay.home.dsn import dsn
from assay.kafka.access import kafka_access
from assay.kafka.admin import wait_for_broker
from assay.ledger.streams import StreamSource
from assay.operations.stream_trial import Trial, feed, running_stream, send, wait_until_seen
from assay.settings import Settings
from assay.streams.latency import measure_latency
from assay_stack.kafka import KAFKA, prepare_kafka
from assay_stack.programs import start_program
from assay_stack.supervisor import migrate_warehouse

DATASET = "ecommerce_events"
SLOW, QUICK, SHARE = 100, 5_000, 0.95
WARM_SECONDS, SLOW_SECONDS, QUICK_SECONDS, LAST_SECONDS = 20, 60, 300, 60
BACKLOG, BACKLOG_GOAL, BROKER_SECONDS = 200_000, 18_000.0, 60.0
BACKLOG_PIECES = 20
RESTART_GOAL = 30.0  # seconds


@dataclass(frozen=True)
class Goals:
    """Seconds that 95 of 100 events may take, at the slow and at the quick rate."""

    slow: float
    quick: float


GOALS: dict[StreamSource, Goals] = {"files": Goals(1.2, 1.0), "kafka": Goals(0.8, 0.8)}


def measure_stream(bench: Workbench) -> PartResult:
    """Of files and of Kafka: a steady flow at two rates, then events that wait all at once.

    At the end the stream is killed, and starts again with an event that waits for it.
    """
    ratios, notes = [], []
    with streams_of_bench(bench) as settings:
        for source, goals in GOALS.items():
            began = time.monotonic()
            with running_stream(settings, DATASET, source, bench.say) as process:
                feed(settings, Trial(DATASET, source, 1, 1, 0), process)
                notes.append(f"{source}: first row after {time.monotonic() - began:.1f} s")
                run = Run(bench, settings, source, process)
                run.at(SLOW, WARM_SECONDS, 0)
                ratios.append(run.at(SLOW, SLOW_SECONDS, goals.slow))
                ratios.append(run.at(QUICK, QUICK_SECONDS, goals.quick))
                ratios.append(run.lag())
                ratios.append(run.backlog())
                os.killpg(process.pid, signal.SIGKILL)
            ratios.append(_restart(bench, settings, source))
        ratios += _against_prior(bench, slow=ratios[0], backlog=ratios[3])
    return PartResult("stream", ratios=ratios, notes=notes)


def _restart(bench: Workbench, settings: Settings, source: StreamSource) -> Ratio:
    """From the kill of the stream to its first row; events wait for it."""
    began = time.monotonic()
    with running_stream(settings, DATASET, source, bench.say) as process:
        feed(settings, Trial(DATASET, source, 1, 1, 0), process)
        took = time.monotonic() - began
    name = f"{source}: first row after kill -9 of the stream: {took:.1f} s"
    bench.say(name)
    return Ratio(name, [took], [RESTART_GOAL], 1.0)


def _against_prior(bench: Workbench, *, slow: Ratio, backlog: Ratio) -> list[Ratio]:
    """Our files beside the same in the prior systems' way, which has no contract and no books."""
    prior = measure_prior_stream(bench)
    p95 = prior.seconds[int(SHARE * (len(prior.seconds) - 1))]
    rate = BACKLOG / backlog.ours[0]
    return [
        Ratio(f"files, {SLOW} events/s: p95 / the prior systems' way", slow.ours, [p95], 1.0),
        Ratio(
            "files, a backlog: events/s / the prior systems' way",
            [rate],
            [prior.backlog_rate],
            unit="/s",
        ),
    ]


@contextmanager
def streams_of_bench(bench: Workbench) -> Iterator[Settings]:
    """The bench's own Postgres and broker, with the tables of streams."""
    kept, bench.settings = bench.settings, dataclasses.replace(bench.settings, own_broker=True)
    bench.stop()  # whoever runs already knows no broker
    try:
        bench.prepare_spark()
        prepare_kafka(dataclasses.replace(bench.base, own_broker=True), bench.say)
        bench.start_postgres()
        migrate_warehouse(bench.settings, bench.say)
        start_program(bench.settings, KAFKA)
        wait_for_broker(kafka_access(bench.settings), BROKER_SECONDS)
        yield bench.settings
    finally:
        bench.stop()
        bench.settings = kept


@dataclass(frozen=True)
class Run:
    """What is measured of one source while its stream runs."""

    bench: Workbench
    settings: Settings
    source: StreamSource
    process: subprocess.Popen[bytes]

    def at(self, rate: int, seconds: int, goal: float) -> Ratio:
        """The latency of events at a steady pace."""
        trial = Trial(DATASET, self.source, rate, seconds, 0)
        took = feed(self.settings, trial, self.process)
        p50, p95 = took.percentile(0.5), took.percentile(SHARE)
        name = f"{self.source}, {rate:,} events/s for {seconds} s: p50 {p50:.2f} s, p95 {p95:.2f} s"
        self.bench.say(name)
        return Ratio(name, [p95], [goal or p95], 1.0 if goal else None)

    def lag(self) -> Ratio:
        """Of the last run: whether its last minute took longer than the whole."""
        trial = Trial(DATASET, self.source, QUICK, QUICK_SECONDS, 0)
        silver = load_contract("silver", DATASET)
        with psycopg.connect(dsn(self.settings, "assay_reader")) as reader:
            whole, last = (
                measure_latency(reader, silver, trial.truth(self.settings), after=after)
                for after in (0, (QUICK_SECONDS - LAST_SECONDS) * QUICK)
            )
        name = f"{self.source}, {QUICK:,} events/s: p95 of the last minute / of the whole"
        return Ratio(name, [last.percentile(SHARE)], [whole.percentile(SHARE)], 1.2)

    def backlog(self) -> Ratio:
        """Events that have come while the stream stood still, and what it takes to have them all.

        It is one that has run for a while, as after an outage.
        """
        trial = Trial(DATASET, self.source, BACKLOG // BACKLOG_PIECES, BACKLOG_PIECES, 0)
        os.killpg(self.process.pid, signal.SIGSTOP)
        try:
            send(self.settings, dataclasses.replace(trial, at_once=True))
        finally:
            os.killpg(self.process.pid, signal.SIGCONT)
        began, busy = time.time(), busy_seconds()
        took = wait_until_seen(self.settings, trial, self.process)
        seconds = took.until - began
        name = f"{self.source}, a backlog of {BACKLOG:,}: {took.seen / seconds:,.0f} events/s"
        self.bench.say(f"{name}; {busy_seconds() - busy:.0f} s of processor time")
        return Ratio(name, [seconds], [took.seen / BACKLOG_GOAL], 1.0)


def busy_seconds() -> float:
    """Processor time that the machine has spent at work, on all cores."""
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice)
