"""The decision at a quality gate: from verdicts and policy to pass, override or stop."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from assay.contract import Contract
from assay.errors import GateFailedError
from assay.plan import GatePolicy

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
