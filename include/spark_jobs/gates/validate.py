"""The quality gates: what each layer's gate looks at, and the verdicts of its expectations.

A gate reads and judges; it never writes a table. Its task decides from the verdicts, and from
the plan's gate policy, whether the batch goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pyspark.sql import SparkSession

from assay.batch.gates import subjects, summarise
from assay.batch.plan import Plan
from assay.batch.stage_results import GateResult
from assay.batch.verdicts import Verdict
from assay.contracts.model import Contract
from spark_jobs.gates.expectations import GateFrame, open_context, run_gate

Gate = Callable[[SparkSession, Plan], list[tuple[Contract, list[GateFrame]]]]


def validate(spark: SparkSession, plan: Plan, layer: str, gate: Gate) -> GateResult:
    """Run every expectation of the gate's contracts.

    Each verdict says which build it is about: only that may be committed on its strength.
    """
    context = open_context()
    judged = subjects(plan, layer)
    verdicts: list[Verdict] = []
    for contract, frames in gate(spark, plan):
        subject = judged[contract.table]
        found = run_gate(context, contract, frames)
        verdicts += [replace(verdict, subject=subject) for verdict in found]
    return GateResult(verdicts=verdicts, summary=summarise(verdicts))
