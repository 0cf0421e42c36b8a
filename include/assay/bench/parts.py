"""The parts of the bench: each can run alone; one that cannot run says why."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from assay.bench.again import measure_again
from assay.bench.against_duckdb import measure_against_duckdb
from assay.bench.beside import measure_before, measure_growth
from assay.bench.dag import measure_dag
from assay.bench.datasets import measure_datasets
from assay.bench.day import measure_day
from assay.bench.figures import PartResult
from assay.bench.gateway import measure_gateway
from assay.bench.publishing import measure_publish
from assay.bench.releasing import measure_release
from assay.bench.soak import measure_soak
from assay.bench.start import measure_start
from assay.bench.stream_soak import measure_stream_soak
from assay.bench.streaming import measure_stream
from assay.bench.together import measure_together
from assay.bench.workbench import Workbench
from assay.errors import AssayError
from assay.settings import Settings
from assay.storage.files import write_whole
from assay.words import Say


class Part(StrEnum):
    """What can be measured, in the order in which it is."""

    dag = "dag"
    again = "again"
    datasets = "datasets"
    day = "day"
    start = "start"
    publish = "publish"
    duckdb = "duckdb"
    together = "together"
    gateway = "gateway"
    growth = "growth"
    stream = "stream"
    release = "release"
    soak = "soak"
    stream_soak = "stream_soak"
    before = "before"


MEASURES: dict[Part, Callable[[Workbench], PartResult]] = {
    Part.dag: measure_dag,
    Part.again: measure_again,
    Part.datasets: measure_datasets,
    Part.day: measure_day,
    Part.start: measure_start,
    Part.publish: measure_publish,
    Part.duckdb: measure_against_duckdb,
    Part.together: measure_together,
    Part.gateway: measure_gateway,
    Part.growth: measure_growth,
    Part.stream: measure_stream,
    Part.release: measure_release,
    Part.soak: measure_soak,
    Part.stream_soak: measure_stream_soak,
    Part.before: measure_before,
}


def run_parts(
    settings: Settings,
    parts: Sequence[Part],
    files: int,
    rows: int,
    say: Say,
    keep: Callable[[Sequence[PartResult]], object] = len,
    before: Path | None = None,
) -> list[PartResult]:
    """Measure the parts one after the other; nothing is left running or lying about.

    `keep` is told the results so far after each part, for a later one may be interrupted.
    """
    results: list[PartResult] = []
    with Workbench(settings, files, rows, say, before) as bench:
        for part in Part:
            if part in parts:
                say(f"part {part}")
                results.append(_measure(bench, part))
                keep(results)
    return results


def _measure(bench: Workbench, part: Part) -> PartResult:
    try:
        return MEASURES[part](bench)
    except AssayError as error:
        kept = bench.keep_logs()
        return PartResult(part, trouble=str(error).replace(str(bench.settings.logs), str(kept)))


def results_path(settings: Settings) -> Path:
    """Where the results of a run that begins now are kept."""
    return settings.home / "bench" / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}.json"


def write_results(
    path: Path, machine: dict[str, str], results: Sequence[PartResult], *, files: int, rows: int
) -> dict[str, object]:
    """Keep the figures with the size and the machine they belong to."""
    facts = {
        "machine": machine,
        "files": files,
        "rows": rows,
        "parts": [result.as_json() for result in results],
    }
    write_whole(path, json.dumps(facts, indent=1))
    return facts
