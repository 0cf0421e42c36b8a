"""Part `start`: starting a Spark task as the operator does, against plain spark-submit."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assay.bench.commands import (
    PROGRAMS,
    Timed,
    as_operator_does,
    plain_environment,
    plain_spark_submit,
    run_timed,
)
from assay.bench.figures import PartResult, Ratio
from assay.bench.workbench import Workbench
from assay.settings import Settings
from assay.spark_runtime.conf import prepare_spark
from assay.spark_runtime.jars import jar_paths
from assay.spark_runtime.java import ensure_java

ROUNDS = 5
JOB = PROGRAMS / "small_delta_job.py"
NEEDED_BY_DELTA = ("spark.sql.extensions", "spark.sql.catalog.spark_catalog")


def measure_start(bench: Workbench) -> PartResult:
    """A small fixed Delta job: as tasks start it under a classic master, and plain."""
    bench.prepare_spark()
    ratios: list[Ratio] = []
    notes: list[str] = []
    for given in _runtimes():
        with _java_home(given):
            settings = _settings_for(bench, given)
            java = ensure_java(settings)
            goal = 0.65 if given is None else None
            found = _measure(bench, settings, f"Java {java.version}")
            ratios += _ratios(f"Java {java.version}", found, goal)
    if len(_runtimes()) == 1:
        notes.append("JAVA_HOME names no other Java >= 17, so the CDS archive was not measured")
    return PartResult("start", ratios=ratios, notes=notes)


def _runtimes() -> list[str | None]:
    """The packaged Java, and that of JAVA_HOME when it is another one that can be used."""
    given = os.environ.get("JAVA_HOME")
    return [None, given] if given and (Path(given) / "bin" / "java").exists() else [None]


@contextmanager
def _java_home(value: str | None) -> Iterator[None]:
    """JAVA_HOME for the settings and programs of this block; None is the packaged Java."""
    before = os.environ.pop("JAVA_HOME", None)
    if value:
        os.environ["JAVA_HOME"] = value
    try:
        yield
    finally:
        os.environ.pop("JAVA_HOME", None)
        if before:
            os.environ["JAVA_HOME"] = before


def _settings_for(bench: Workbench, given: str | None) -> Settings:
    """A home for one Java; the real home's cache is used when it is of that Java."""
    home = bench.settings.home / ("start-given" if given else "start-packaged")
    home.mkdir()
    (home / "jars").symlink_to(bench.base.jars.resolve())
    shared = bench.base.home / "java"
    if ensure_java(bench.base).home.is_relative_to(shared) and given is None:
        (home / "java").symlink_to(shared.resolve())
    settings = dataclasses.replace(bench.base, home=home, spark_master="local[*]")
    prepare_spark(settings, bench.say)
    return settings


def _measure(bench: Workbench, settings: Settings, name: str) -> dict[str, list[Timed]]:
    """Every way once per round, one after the other, so that a busy spell meets all of them."""
    found: dict[str, list[Timed]] = {}
    for number in range(1, ROUNDS + 1):
        for way, (command, environment) in _ways(settings, number).items():
            log = bench.settings.logs / f"start-{way.replace(' ', '-')}.log"
            found.setdefault(way, []).append(run_timed(command, environment, log))
        took = ", ".join(f"{way} {rounds[-1].wall:.1f} s" for way, rounds in found.items())
        bench.say(f"{name}, round {number} of {ROUNDS}: {took}")
    return found


def _ways(settings: Settings, number: int) -> dict[str, tuple[list[str], dict[str, str]]]:
    def scratch(way: str) -> str:
        return str(settings.home / f"{way}-{number}")

    task, environment = as_operator_does(settings, JOB, scratch("task"))
    # The same command line, but for the option that names the cache.
    uncached = [
        part.split(' "-XX:')[0] if part.startswith("spark.driver.extraJavaOptions=") else part
        for part in [*task[:-1], scratch("uncached")]
    ]
    jars = ":".join(str(path) for path in jar_paths(settings))
    options = ["--driver-class-path", jars]
    for setting in NEEDED_BY_DELTA:
        options += ["--conf", next(part for part in task if part.startswith(f"{setting}="))]
    plain = plain_spark_submit(options, JOB, scratch("plain"))
    return {
        "task": (task, environment),
        "no cache": (uncached, environment),
        "plain": (plain, plain_environment(settings)),
    }


def _ratios(java: str, found: dict[str, list[Timed]], goal: float | None) -> list[Ratio]:
    wall = {way: [timed.wall for timed in rounds] for way, rounds in found.items()}
    cpu = {way: [timed.cpu for timed in rounds] for way, rounds in found.items()}
    return [
        Ratio(f"{java}: task / plain spark-submit", wall["task"], wall["plain"], goal),
        Ratio(f"{java}: the same, processor time", cpu["task"], cpu["plain"], unit="CPU-s"),
        Ratio(f"{java}: task / itself without cache", wall["task"], wall["no cache"]),
    ]
