"""Part `gateway`: small requests and bulk, with the client on the same cores, and its memory."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import psutil
import psycopg

from assay.bench.commands import PROGRAMS, run_timed
from assay.bench.figures import PartResult, Ratio
from assay.bench.workbench import BOOT_SECONDS, Workbench
from assay.errors import StackError
from assay.gateway.address import gateway_address, is_well
from assay.gateway.keys import make_key
from assay.home.dsn import dsn
from assay.home.paths import child_environment
from assay.ledger.gateway_keys import add_key
from assay_stack.programs import GATEWAY, call_supervisor, program_states, start_program
from assay_stack.supervisor import migrate_warehouse

ROUNDS = 3
SMALL, SMALL_A_SECOND, SMALL_CONNECTIONS = 10_000, 2_000, 64
BULK, BULK_RECORDS, BULK_A_SECOND, BULK_CONNECTIONS = 100, 2_000, 20_000, 4
UNLIMITED = 1_000_000


def measure_gateway(bench: Workbench) -> PartResult:
    """Requests of one record over 64 connections, and of 2,000 over 4."""
    bench.start_postgres()
    migrate_warehouse(bench.settings, bench.say)
    start_program(bench.settings, GATEWAY)
    try:
        _wait(bench)
        key = _make_key(bench)
        small, bulk, memory = [], [], []
        for number in range(1, ROUNDS + 1):
            small.append(_load(bench, key, SMALL, 1, SMALL_CONNECTIONS))
            bulk.append(_load(bench, key, BULK, BULK_RECORDS, BULK_CONNECTIONS))
            memory.append(_memory_mb(bench))
            bench.say(
                f"round {number} of {ROUNDS}: {SMALL / small[-1]['seconds']:,.0f} small requests/s,"
                f" {BULK * BULK_RECORDS / bulk[-1]['seconds']:,.0f} records/s in bulk"
            )
    finally:
        call_supervisor(bench.settings, "stopProcess", GATEWAY)
    return PartResult(
        "gateway",
        ratios=[
            Ratio(
                f"{SMALL:,} requests of a record / at {SMALL_A_SECOND:,} a second",
                [each["seconds"] for each in small],
                [SMALL / SMALL_A_SECOND],
                goal=1.0,
            ),
            Ratio(
                f"{BULK * BULK_RECORDS:,} records in bulk / at {BULK_A_SECOND:,} a second",
                [each["seconds"] for each in bulk],
                [BULK * BULK_RECORDS / BULK_A_SECOND],
                goal=1.0,
            ),
            Ratio(
                "memory after the last round / the first", memory[-1:], memory[:1], 1.2, unit="MB"
            ),
        ],
        notes=[
            f"{name}: p50 {found['p50'] * 1000:.0f} ms, p95 {found['p95'] * 1000:.0f} ms,"
            f" p99 {found['p99'] * 1000:.0f} ms"
            for name, found in (("small requests", small[-1]), ("bulk", bulk[-1]))
        ],
    )


def _make_key(bench: Workbench) -> str:
    made = make_key()
    with psycopg.connect(dsn(bench.settings, "assay_loader"), autocommit=True) as connection:
        add_key(
            connection,
            key_id=made.key_id,
            producer="bench",
            secret_sha256=made.secret_sha256,
            datasets=["stocks"],
            requests_per_second=UNLIMITED,
            expires_at=None,
            who="assay bench",
        )
    return made.text


def _load(
    bench: Workbench, key: str, requests: int, records: int, connections: int
) -> dict[str, Any]:
    port = gateway_address(bench.settings)[1]
    told = [str(each) for each in (port, requests, records, connections)]
    done = run_timed(
        [sys.executable, str(PROGRAMS / "gateway_load.py"), *told],
        child_environment({"GATEWAY_KEY": key}),
        bench.settings.logs / "gateway_load.log",
    )
    found: dict[str, Any] = json.loads(done.output.splitlines()[-1])
    return found


def _memory_mb(bench: Workbench) -> float:
    pid = program_states(bench.settings)[GATEWAY].pid
    return float(psutil.Process(pid).memory_info().rss) / (1 << 20)


def _wait(bench: Workbench) -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    while not is_well(bench.settings):
        if time.monotonic() > deadline:
            raise StackError("the gateway of the bench does not answer")
        time.sleep(0.1)
