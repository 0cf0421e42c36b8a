"""Part `again`: a run with nothing new, and a small increment, as shares of the first load."""

from __future__ import annotations

from pathlib import Path

import duckdb

from assay.bench.dag_runs import load_everything, run_dag
from assay.bench.figures import PartResult, Ratio
from assay.bench.workbench import Workbench, deliver
from assay.errors import StackError

ROUNDS = 3
INCREMENT_FILES = 2
SHARE = 0.01
SHARE_OF_UPDATES = 0.1
# Lines of earlier trades, made newer; what DuckDB cannot read as a record is left out.
UPDATES_SQL = """
COPY (
    SELECT * REPLACE (
        strftime(try_cast(Updated_on AS timestamp) + interval 90 days, '%Y-%m-%dT%H:%M:%S.%f')
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
    """Runs after the first load: with no file waiting, and with one per cent more records."""
    first = load_everything(bench)
    bench.start_airflow()
    idle = []
    for number in range(1, ROUNDS + 1):
        bench.say(f"a run with nothing new ({number} of {ROUNDS})")
        idle.append(run_dag(bench).seconds)
    files = make_increment(bench)
    deliver(files, bench.settings.landing / "trades")
    bench.say("a run with 1 % new and updated trades")
    increment = run_dag(bench)
    if increment.classes["updated"] == 0 or increment.classes["new"] == 0:
        raise StackError(f"the increment has no updates or nothing new: {increment.classes}")
    return PartResult(
        "again",
        ratios=[
            Ratio("nothing new / first load", idle, [first.seconds], goal=0.1),
            Ratio("1 % increment / first load", [increment.seconds], [first.seconds], goal=0.3),
        ],
        notes=[f"increment: {', '.join(f'{n:,} {name}' for name, n in increment.classes.items())}"],
    )


def make_increment(bench: Workbench) -> list[Path]:
    """Two files of new trades of the same customers, with newer versions of delivered ones."""
    rows = max(20, round(bench.truth.records * SHARE / INCREMENT_FILES))
    updates = max(1, round(rows * SHARE_OF_UPDATES))
    truth = bench.generate("increment", files=INCREMENT_FILES, rows=rows - updates, seed=8)
    made = [truth.options.out / file.name for file in truth.files]
    sources = [str(path) for path in bench.full_files(len(made))]
    for path, source in zip(made, sources, strict=False):
        lines = path.with_suffix(".updates")
        with duckdb.connect() as connection:
            connection.execute(
                UPDATES_SQL.format(target=lines), {"files": [source], "records": updates}
            )
        path.write_bytes(path.read_bytes() + lines.read_bytes())
    return made
