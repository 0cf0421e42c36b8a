"""Runs the stages of a planned batch one after the other in one session of Spark.

Prints the seconds of each as JSON. Arguments: path of the plan, and `--gates` to run these too.
"""

from __future__ import annotations

import json
import sys
import time

from assay.batch.plan import read_plan
from assay.batch.results import write_result
from spark_jobs.chain import STAGES
from spark_jobs.lakehouse.session import session


def main(plan_path: str, *, gates: bool) -> None:
    """Run the stages in their order, with the number of the stage as its epoch."""
    plan = read_plan(plan_path)
    seconds: dict[str, float] = {}
    with session(f"bench {plan.batch_id}", input_bytes=plan.input.bytes_to_read()) as spark:
        for epoch, (name, stage) in enumerate(STAGES.items(), start=1):
            if gates or not name.startswith("validate_"):
                began = time.monotonic()
                write_result(plan.folder, name, epoch, stage(spark, plan, epoch).as_facts())
                seconds[name] = time.monotonic() - began
    print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], gates="--gates" in sys.argv)
