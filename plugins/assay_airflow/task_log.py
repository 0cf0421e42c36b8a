"""The log of a task: where its events go, and what every line of it is about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import structlog
from structlog.contextvars import bind_contextvars, bound_contextvars

from assay.events.context import Correlation, bind, listed
from assay.events.event import Event
from assay.events.sinks import facts_of, send_to, writes_json
from assay.words import count

NAME = "airflow.task.assay"
OBJECT = '{"timestamp":'  # what a line of `assay.events.sinks.Lines` begins with
# What every JVM of a job says at its start, or of each large plan, and nobody can act on.
NOISE = re.compile(
    r"WARN NativeCodeLoader: Unable to load native-hadoop library"
    r"|WARN SparkConf: Note that spark\.local\.dir will be overridden"
    r"|WARN SparkStringUtils: Truncated the string representation of a plan"
    r"|^WARNING: (?:package sun\.security\.action not in java\.base|Using incubator modules:)"
)


class TaskLog:
    """Airflow's log, as sentences; with ASSAY_LOG=json, the facts stand beside each."""

    def write(self, event: Event, correlation: Correlation) -> None:
        tell = getattr(structlog.get_logger(NAME), event.level)
        if writes_json():
            tell(str(event), **facts_of(event, correlation))
            return
        for line in str(event).splitlines():
            tell(line)


def begin(
    *,
    batch: str,
    run: str | None,
    task: str,
    epoch: int | None = None,
    datasets: Sequence[str] = (),
) -> None:
    """Have this process, which is that of one task, and its children log about this attempt."""
    correlation = Correlation(batch, run, task, epoch, listed(datasets))
    bind(correlation)
    send_to(TaskLog())
    if writes_json():
        bind_contextvars(**asdict(correlation))  # for the lines that are Airflow's own, or Spark's


def relayed(lines: Iterable[str]) -> Iterator[str]:
    """The output of a Spark job; while Airflow logs the sentence of an object, its facts are bound.

    Airflow adds what is bound to the lines that it writes itself. Spark's own noise is left out, so
    that a warning which does stand in the log can be seen.
    """
    for line in lines:
        if NOISE.search(line):
            continue
        facts = _facts(line) if writes_json() else {}
        sentence = facts.pop("event", line)
        with bound_contextvars(**facts):
            yield sentence


def without_settings(command: str | list[str]) -> str | list[str]:
    """A command of spark-submit as a person can read it: how many settings it has, not which."""
    if isinstance(command, str) or "--conf" not in command:
        return command
    words = [
        word for before, word in pairwise(["", *command]) if word != "--conf" and before != "--conf"
    ]
    settings = count(command.count("--conf"), "setting")
    return [*words, f"({settings} of Spark left out; see assay.spark_runtime.conf)"]


def _facts(line: str) -> dict[str, Any]:
    """What an object says; empty for any other line. Time and level are Airflow's to add."""
    if not line.startswith(OBJECT):
        return {}
    try:
        facts: dict[str, Any] = json.loads(line)
    except ValueError:  # Spark's, or cut off
        return {}
    return {name: value for name, value in facts.items() if name not in ("timestamp", "level")}
