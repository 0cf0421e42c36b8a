"""Part `again`: runs with nothing new, and with small increments, as shares of the first load."""

from __future__ import annotations

from pathlib import Path

import duckdb

from assay.bench.dag_runs import DagRun, load_everything, run_dag, task_breakdown
from assay.bench.figures import PartResult, Ratio
from assay.bench.workbench import Workbench, deliver
from assay.errors import StackError

ROUNDS = 5
INCREMENT_FILES = 2
SHARE = 0.01
LEAST = 20  # records of a file; with no more than that, what is left are the passes over silver
SHARE_OF_UPDATES = 0.1
# Lines of earlier trades, made newer; what DuckDB cannot read as a record is left out.
UPDATES_SQL = """
COPY (
    SELECT * REPLACE (
        strftime(try_cast(Updated_on AS timestamp) + interval {days} days, '%Y-%m-%dT%H:%M:%S.%f')
            AS Updated_on,
        '4242.42' AS To_Cost)
    FROM read_csv($files, all_varchar = true, header = true, ignore_errors = true,
                  quote = '"', escape = '"')
    WHERE try_cast(Updated_on AS timestamp) IS NOT NULL AND Transaction_Status = 'COMPLETED'
      AND try_cast(From_Cost AS decimal(18, 2)) BETWEEN 0 AND 1000000
      AND length(TradeId) = 36 AND length(CustomerId) = 36
      AND len(From_Currency) = 3 AND From_Currency <> 'XXX'
      AND len(To_Currency) = 3 AND To_Currency <> 'XXX'
      AND try_cast(Transaction_Date AS timestamp) IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY TradeId) = 1
    LIMIT $records
) TO '{target}' (HEADER false)
"""


def measure_again(bench: Workbench) -> PartResult:
    """Runs after the first load: with no file waiting, 1 % more records, and next to none."""
    first = load_everything(bench)
    bench.start_airflow()
    rows = max(LEAST, round(bench.truth.records * SHARE / INCREMENT_FILES))
    idle, percents, few = [], [], []
    for number in range(1, ROUNDS + 1):
        bench.say(f"nothing new, 1 % new and updated trades, next to none ({number} of {ROUNDS})")
        idle.append(run_dag(bench).seconds)
        percents.append(_run_increment(bench, rows, number))
        few.append(_run_increment(bench, LEAST, ROUNDS + number).seconds)
    increments = [run.seconds for run in percents]
    classes = percents[-1].classes
    return PartResult(
        "again",
        ratios=[
            Ratio("nothing new / first load", idle, [first.seconds], goal=0.1),
            Ratio("1 % increment / first load", increments, [first.seconds], goal=0.3),
            Ratio("an increment of next to nothing / first load", few, [first.seconds]),
        ],
        breakdowns=[task_breakdown(percents[-1], "the last increment of 1 %")],
        notes=[f"increment: {', '.join(f'{n:,} {name}' for name, n in classes.items())}"],
    )


def _run_increment(bench: Workbench, rows: int, number: int) -> DagRun:
    deliver(make_increment(bench, rows, number), bench.settings.landing / "trades")
    run = run_dag(bench)
    if run.classes["updated"] == 0 or run.classes["new"] == 0:
        raise StackError(f"the increment has no updates or nothing new: {run.classes}")
    return run


def make_increment(bench: Workbench, rows: int, number: int) -> list[Path]:
    """Two files of new trades of the same customers, with newer versions of delivered ones."""
    updates = max(1, round(rows * SHARE_OF_UPDATES))
    name = f"increment-{number}"
    truth = bench.generate(name, files=INCREMENT_FILES, rows=rows - updates, seed=80 + number)
    made = [truth.options.out / file.name for file in truth.files]
    sources = [str(path) for path in bench.full_files(len(made))]
    days = 90 + number  # each newer than the round before
    for path, source in zip(made, sources, strict=False):
        lines = path.with_suffix(".updates")
        with duckdb.connect() as connection:
            connection.execute(
                UPDATES_SQL.format(target=lines, days=days), {"files": [source], "records": updates}
            )
        path.write_bytes(path.read_bytes() + lines.read_bytes())
    return made
