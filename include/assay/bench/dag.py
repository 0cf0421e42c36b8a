"""Part `dag`: the full load through the DAG against the prior system's own way."""

from __future__ import annotations

import json

import psycopg

from assay.bench.commands import PROGRAMS, plain_environment, plain_spark_submit, run_timed
from assay.bench.dag_runs import load_everything, task_breakdown
from assay.bench.figures import PartResult, Ratio, scale_loop
from assay.bench.workbench import Workbench, deliver
from assay.home.credentials import load_credentials
from assay.home.dsn import dsn
from assay.home.ports import HOST, load_ports
from assay.spark_runtime.jars import jar_paths
from assay.words import count

PRIOR_FILES = 20
DATABASE = "bench_prior"
# The prior system's tables: no key, no index, nothing required.
PRIOR_DDL = """
CREATE TABLE trade_event (
    tradeid varchar(50), customerid varchar(50), from_currency varchar(50),
    to_currency varchar(50), from_cost numeric, to_cost numeric, from_pip numeric, to_pip numeric,
    transaction_date timestamp, transaction_status varchar(50), created_by varchar(50),
    created_on timestamp, updated_by varchar(50), updated_on timestamp,
    from_deposited_account varchar(50), to_debited_account varchar(50), batch_id varchar(50),
    batch_concurrent_number integer, ingest_date timestamp, concurrent_number integer);
CREATE TABLE trade_event_ingest_batch (
    id varchar(50) PRIMARY KEY, file_name varchar(50) NOT NULL, row_count integer NOT NULL,
    created_dt timestamp NOT NULL, ingest_status varchar(50) NOT NULL,
    ingest_start_date_time timestamp NOT NULL, ingest_end_date_time timestamp NOT NULL,
    updated_dt timestamp NOT NULL, concurrent_number integer NOT NULL);
"""


def measure_dag(bench: Workbench) -> PartResult:
    """The whole DAG, task by task, and the prior loop over the first files, scaled to all."""
    first = load_everything(bench)
    tasks = task_breakdown(first, "the first load")
    bench.start_postgres()
    start_up, loop = run_prior_loop(bench)
    whole = start_up + scale_loop(loop, bench.files)
    return PartResult(
        "dag",
        ratios=[Ratio("whole DAG / prior loop", [first.seconds], [whole], goal=0.5)],
        breakdowns=[tasks],
        notes=[
            f"prior loop: start {start_up:.1f} s, {len(loop)} files in {sum(loop):.1f} s (the "
            f"last {loop[-1]:.2f} s), scaled to {bench.files} files",
            "the prior loop has no Delta, no gates, no ledger, and stores every row twice",
        ],
    )


def run_prior_loop(bench: Workbench) -> tuple[float, list[float]]:
    """Run the prior system's way over the first files: seconds of start, and of each file."""
    files = bench.full_files(PRIOR_FILES)
    bench.say(f"the prior loop over {count(len(files), 'file')}")
    landing = bench.settings.home / "prior" / "landing"
    deliver(files, landing)
    bench.make_database(DATABASE, migrated=False)
    with psycopg.connect(dsn(bench.settings, "assay_owner", DATABASE)) as connection:
        connection.execute(PRIOR_DDL)
    bench.settle()
    port = load_ports(bench.settings)["postgres"]
    driver = str(jar_paths(bench.settings, "bench")[0])
    command = plain_spark_submit(
        ["--driver-class-path", driver],
        PROGRAMS / "prior_ingest.py",
        str(landing),
        str(landing.with_name("backup")),
    )
    environment = plain_environment(
        bench.settings,
        BENCH_JDBC_URL=f"jdbc:postgresql://{HOST}:{port}/{DATABASE}",
        BENCH_JDBC_USER="assay_owner",
        BENCH_JDBC_PASSWORD=load_credentials(bench.settings)["assay_owner"],
    )
    done = run_timed(command, environment, bench.settings.logs / "prior.log")
    loop: list[float] = json.loads(done.output.splitlines()[-1])
    return done.wall - sum(loop), loop
