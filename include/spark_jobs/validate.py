"""The quality gates: what each layer's gate looks at, and the verdicts of its expectations.

A gate reads and judges; it never writes a table. Its task decides from the verdicts, and from
the plan's gate policy, whether the batch goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from assay.contract import Contract
from assay.gates import subjects
from assay.plan import Plan
from assay.settings import load_settings
from spark_jobs.expectations import GateFrame, Verdict, open_context, run_gate, write_data_docs

Gate = Callable[[SparkSession, Plan], list[tuple[Contract, list[GateFrame]]]]


def validate(spark: SparkSession, plan: Plan, layer: str, gate: Gate) -> dict[str, Any]:
    """Run every expectation of the gate's contracts and write their Data Docs.

    Each verdict says which build it is about: only that may be committed on its strength.
    """
    context = open_context()
    judged = subjects(plan, layer)
    verdicts: list[Verdict] = []
    for contract, frames in gate(spark, plan):
        subject = {"subject": judged[contract.table]}
        verdicts += [verdict | subject for verdict in run_gate(context, contract, frames)]
    docs = load_settings().data_docs / plan.batch_id / gate.__name__
    write_data_docs(context, Path(docs))
    return {"verdicts": verdicts, "data_docs": str(docs), "summary": summarise(verdicts)}


def summarise(verdicts: list[Verdict]) -> str:
    """`14 of 15 expectations met; failed: …`."""
    failed = [verdict["expectation"] for verdict in verdicts if not verdict["success"]]
    met = f"{len(verdicts) - len(failed)} of {len(verdicts)} expectations met"
    return f"{met}; not met: {'; '.join(failed)}" if failed else met
