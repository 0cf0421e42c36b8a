"""Part `publish`: releasing a batch against Spark's JDBC append, and the memory it takes."""

from __future__ import annotations

import json
import sys
from typing import Any

import psycopg

from assay.batch.states import COMMITTED
from assay.bench.commands import (
    PROGRAMS,
    plain_environment,
    plain_spark_submit,
    run_timed,
)
from assay.bench.figures import PartResult, Ratio
from assay.bench.lakes import Lake, committed_lake
from assay.bench.workbench import Workbench
from assay.errors import StackError
from assay.home.credentials import load_credentials
from assay.home.dsn import dsn
from assay.home.paths import child_environment
from assay.home.ports import HOST, load_ports
from assay.spark_runtime.jars import jar_paths

ROUNDS = 5
SMALLER = 10
# What a release has written, taken back, so that the next round starts from empty tables.
RESET = (
    "TRUNCATE serving.trade_event, gold.daily_trade_summary, gold.customer_exposure",
    "DELETE FROM ops.row_ledger",
    "DELETE FROM ops.release",
    f"UPDATE ops.batch SET state = '{COMMITTED}'",  # noqa: S608  # a name of our own
)


def measure_publish(bench: Workbench) -> PartResult:
    """Publish a whole load, and append the same rows by JDBC, into the same empty tables."""
    lake = committed_lake(bench, bench.files)
    ours, theirs, peaks = [], [], []
    for number in range(1, ROUNDS + 1):
        published = _publish(bench, lake)
        appended = _append_by_jdbc(bench, lake)
        if published["rows"] != appended["rows"]:
            raise StackError(f"published {published['rows']} rows, appended {appended['rows']}")
        ours.append(published["seconds"])
        theirs.append(appended["seconds"])
        peaks.append(published["peak_mb"])
        bench.say(
            f"round {number} of {ROUNDS}: {published['rows']:,} rows published in {ours[-1]:.1f} s,"
            f" appended in {theirs[-1]:.1f} s"
        )
    smaller = committed_lake(bench, max(1, bench.files // SMALLER))
    few = _publish(bench, smaller)
    rows = published["rows"]
    return PartResult(
        "publish",
        ratios=[
            Ratio(f"publishing {rows:,} rows / JDBC append", ours, theirs, 1.8, kind="speed"),
            Ratio(
                f"peak memory at {rows:,} / at {few['rows']:,} rows",
                peaks,
                [few["peak_mb"]],
                goal=1.1,
                unit="MB",
            ),
        ],
        notes=[
            "publishing is all of `publish_batch`: measuring Delta, staging, the transaction with "
            "equations and ledger, both gold tables; the append writes the serving table only, and "
            "its session starts outside the clock",
        ],
    )


def _publish(bench: Workbench, lake: Lake) -> dict[str, Any]:
    """One release in a process of its own: seconds, rows and its peak memory."""
    _reset(bench, lake)
    uri = dsn(bench.settings, "assay_loader", lake.database)
    done = run_timed(
        [sys.executable, str(PROGRAMS / "publish_once.py"), f"{lake.plan.folder}/plan.json"],
        child_environment({"BENCH_LOADER_URI": uri}),
        bench.settings.logs / "publish.log",
    )
    return {**json.loads(done.output.splitlines()[-1]), "rows": _count(bench, lake)}


def _append_by_jdbc(bench: Workbench, lake: Lake) -> dict[str, Any]:
    """The same rows by Spark's JDBC writer with its defaults: seconds and rows."""
    _reset(bench, lake)
    driver = str(jar_paths(bench.settings, "bench")[0])
    port = load_ports(bench.settings)["postgres"]
    done = run_timed(
        plain_spark_submit(
            ["--driver-class-path", driver, "--driver-memory", bench.settings.driver_memory],
            PROGRAMS / "jdbc_append.py",
            lake.change_set,
        ),
        plain_environment(
            bench.settings,
            BENCH_JDBC_URL=f"jdbc:postgresql://{HOST}:{port}/{lake.database}",
            BENCH_JDBC_USER="assay_loader",
            BENCH_JDBC_PASSWORD=load_credentials(bench.settings)["assay_loader"],
        ),
        bench.settings.logs / "jdbc.log",
    )
    return {"seconds": float(done.output.splitlines()[-1]), "rows": _count(bench, lake)}


def _reset(bench: Workbench, lake: Lake) -> None:
    with psycopg.connect(dsn(bench.settings, "assay_owner", lake.database)) as connection:
        for statement in RESET:
            connection.execute(statement)
    bench.settle()


def _count(bench: Workbench, lake: Lake) -> int:
    with psycopg.connect(dsn(bench.settings, "assay_reader", lake.database)) as connection:
        row = connection.execute("SELECT count(*) FROM serving.trade_event").fetchone()
    return int(row[0]) if row else 0
