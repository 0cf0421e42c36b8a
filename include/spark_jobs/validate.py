"""The quality gates: what each layer's gate looks at, and the verdicts of its expectations.

A gate reads and judges; it never writes a table. Its task decides from the verdicts, and from
the plan's gate policy, whether the batch goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyspark.sql import SparkSession

from assay.contract import Contract
from assay.gates import subjects, summarise
from assay.plan import Plan
from spark_jobs.expectations import GateFrame, Verdict, open_context, run_gate

Gate = Callable[[SparkSession, Plan], list[tuple[Contract, list[GateFrame]]]]


def validate(spark: SparkSession, plan: Plan, layer: str, gate: Gate) -> dict[str, Any]:
    """Run every expectation of the gate's contracts.

    Each verdict says which build it is about: only that may be committed on its strength.
    """
    context = open_context()
    judged = subjects(plan, layer)
    verdicts: list[Verdict] = []
    for contract, frames in gate(spark, plan):
        subject = {"subject": judged[contract.table]}
        verdicts += [verdict | subject for verdict in run_gate(context, contract, frames)]
    return {"verdicts": verdicts, "summary": summarise(verdicts)}
