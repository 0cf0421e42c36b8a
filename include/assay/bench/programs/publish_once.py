"""Publishes one committed batch, as the publish task does; prints seconds and peak memory as JSON.

Argument: path of the plan; BENCH_LOADER_URI in the environment.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
import time
from pathlib import Path

import psycopg

from assay import ledger
from assay.batch.plan import read_plan
from assay.publish import publish_batch


def peak_memory_mb() -> float:
    """Peak resident memory of this program; ru_maxrss would include what its parent had."""
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)
        if found:
            return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(plan_path: str) -> None:
    """Take the lease and publish."""
    uri = os.environ["BENCH_LOADER_URI"]
    plan = read_plan(plan_path)
    with psycopg.connect(uri) as connection:
        epoch = ledger.take_epoch(connection, plan.pipeline, "make bench")
    began = time.monotonic()
    publish_batch(lambda: psycopg.connect(uri), uri, plan, epoch)
    seconds = time.monotonic() - began
    print(json.dumps({"seconds": seconds, "peak_mb": peak_memory_mb()}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
