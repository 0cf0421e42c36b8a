"""The decision at a quality gate: from verdicts and policy to pass, override or stop."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from assay.contract import Contract, load_contract
from assay.errors import GateFailedError
from assay.plan import GatePolicy, Plan
from assay.results import latest_result

Verdict = dict[str, Any]


def decide(
    contracts: Iterable[Contract], verdicts: Sequence[Verdict], policy: GatePolicy
) -> list[Verdict]:
    """The verdicts, each with whether, by whom and why it was overridden.

    Raises GateFailedError when a contract's expectation has no verdict: silence is no pass.
    """
    found = {(verdict["table_name"], verdict["expectation"]) for verdict in verdicts}
    for contract in contracts:
        for expectation in contract.expectations:
            if (contract.table, expectation.name) not in found:
                raise GateFailedError(
                    f"{contract.table}: no verdict for {expectation.name!r}; clear the task"
                )
    return [_with_override(verdict, policy) for verdict in verdicts]


def _with_override(verdict: Verdict, policy: GatePolicy) -> Verdict:
    overridden = policy.mode == "override" and stops(verdict) and verdict["overridable"]
    return {
        **verdict,
        "overridden": overridden,
        "overridden_by": policy.user if overridden else None,
        "override_reason": policy.reason if overridden else None,
    }


def stops(verdict: Verdict) -> bool:
    """True for an expectation of severity `fail` that is not met and not overridden."""
    return (
        not verdict["success"]
        and verdict["severity"] == "fail"
        and not verdict.get("overridden", False)
    )


def require_pass(verdicts: Sequence[Verdict]) -> None:
    """Raise GateFailedError, naming every expectation that stops the batch."""
    stopping = [verdict for verdict in verdicts if stops(verdict)]
    if stopping:
        names = "; ".join(f"{v['table_name']}: {v['expectation']}" for v in stopping)
        raise GateFailedError(f"{len(stopping)} expectations not met: {names}")


# Gate to the stage whose work it judges, and where that says what it built.
JUDGED = {
    "bronze": ("ingest_bronze", "datasets", "version"),
    "silver": ("build_silver", "datasets", "digest"),
    "gold": ("build_gold", "tables", "digest"),
}


def subjects(plan: Plan, layer: str) -> dict[str, str]:
    """Table to what its gate has before it: epoch and digest of the newest build."""
    stage, key, digest = JUDGED[layer]
    result = latest_result(plan.folder, stage)
    return {
        f"{layer}.{name}": f"{result['epoch']}/{built[digest]}"
        for name, built in result[key].items()
    }


def all_subjects(plan: Plan) -> dict[str, str]:
    """What every gate of the batch must have judged before the batch may commit."""
    asked = [layer for layer in JUDGED if plan.needs(f"validate_{layer}")]
    return {table: what for layer in asked for table, what in subjects(plan, layer).items()}


def contracts_at(plan: Plan, layer: str) -> list[Contract]:
    """The contracts that a gate judges by."""
    if layer == "gold":
        return plan.gold
    return [load_contract("bronze" if layer == "bronze" else "silver", d) for d in plan.inputs]


def require_verdicts(
    found: Mapping[tuple[str, str], Verdict], plan: Plan, judged: Mapping[str, Any]
) -> None:
    """Raise GateFailedError unless every expectation in force was met, or properly overridden.

    `found` are the newest verdicts in the books; `judged["subjects"]` is what they must be about.
    The colour of a task says nothing: it can be set by hand.
    """
    wanted = judged.get("subjects")  # of a commit from before this was recorded: any
    for layer in JUDGED:
        if not plan.needs(f"validate_{layer}"):
            continue
        for contract in contracts_at(plan, layer):
            for expectation in contract.expectations:
                verdict = found.get((contract.table, expectation.name))
                subject = wanted[contract.table] if wanted else None
                fault = _fault(verdict, subject, overridable=expectation.overridable)
                if fault:
                    raise GateFailedError(
                        f"{plan.batch_id}: {contract.table}: {expectation.name!r} {fault}; nothing"
                        f" goes on without its verdict: clear validate_{layer} and all after it"
                    )


def _fault(verdict: Verdict | None, subject: str | None, *, overridable: bool) -> str:
    if verdict is None:
        return "has no verdict"
    if subject is not None and verdict["subject"] != subject:
        return "was judged on another build than the newest"
    if stops(verdict) or (verdict["overridden"] and not overridable):
        return "was not met"
    return ""


def explain(verdict: Verdict) -> list[str]:
    """The lines that tell a person what was expected, what was found, and where."""
    column = verdict["kwargs"].get("column") or verdict["kwargs"].get("column_list") or ""
    outcome = "overridden" if verdict.get("overridden") else verdict["severity"]
    lines = [
        f"[{outcome}] {verdict['table_name']}: {verdict['expectation']}",
        f"  expectation {verdict['type']} {json.dumps(verdict['kwargs'])}",
        f"  column {column or '-'}, observed {verdict['observed'] or '-'}, "
        f"unexpected {verdict['unexpected_count'] if verdict['unexpected_count'] else '-'}",
    ]
    return lines + [f"  failing: {json.dumps(record)}" for record in verdict["failing"] or []]
