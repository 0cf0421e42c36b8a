"""The decision at a quality gate: from verdicts and policy to pass, override or stop.

Three words for three things: an expectation that is *not met* stops its batch; a *warning* does
not; one that is *overridden* would, had not a person let it pass.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import JsonValue

from assay.batch.plan import GatePolicy, Plan
from assay.batch.stage_results import read_gold, read_ingest, read_silver
from assay.batch.verdicts import Verdict
from assay.contracts.load import load_contract
from assay.contracts.model import Contract, Layer
from assay.errors import GateFailedError
from assay.words import count

NOT_MET, WARNING, OVERRIDDEN, MET = "not met", "warning", "overridden", "met"
WORDS = (NOT_MET, OVERRIDDEN, WARNING, MET)


def decide(
    contracts: Iterable[Contract], verdicts: Sequence[Verdict], policy: GatePolicy
) -> list[Verdict]:
    """The verdicts, each with whether, by whom and why it was overridden.

    Raises GateFailedError when a contract's expectation has no verdict: silence is no pass.
    """
    found = {(verdict.table_name, verdict.expectation) for verdict in verdicts}
    overridable = set()
    for contract in contracts:
        for expectation in contract.expectations:
            asked = contract.table, expectation.name
            if asked not in found:
                raise GateFailedError(
                    f"{contract.table}: no verdict for {expectation.name!r}; clear the task"
                )
            if expectation.overridable and policy.mode == "override":
                overridable.add(asked)
    return [
        replace(verdict, overridden=True, overridden_by=policy.user, override_reason=policy.reason)
        if stops(verdict) and (verdict.table_name, verdict.expectation) in overridable
        else verdict
        for verdict in verdicts
    ]


def stops(verdict: Verdict) -> bool:
    """True for an expectation of severity `fail` that is not met and not overridden."""
    return word_for(verdict) == NOT_MET


def word_for(verdict: Verdict) -> str:
    """What became of an expectation: one of WORDS."""
    if verdict.success:
        return MET
    if verdict.severity != "fail":
        return WARNING
    return OVERRIDDEN if verdict.overridden else NOT_MET


def require_pass(verdicts: Sequence[Verdict]) -> None:
    """Raise GateFailedError, naming every expectation that stops the batch."""
    stopping = [verdict for verdict in verdicts if stops(verdict)]
    if stopping:
        names = "; ".join(f"{v.table_name}: {v.expectation}" for v in stopping)
        raise GateFailedError(f"{count(len(stopping), 'expectation')} not met: {names}")


def summarise(verdicts: Sequence[Verdict]) -> str:
    """`14 of 16 expectations met; overridden by ada (late feed): …; warning: …`."""
    met = sum(word_for(verdict) == MET for verdict in verdicts)
    parts = [f"{met:,} of {count(len(verdicts), 'expectation')} met"]
    for word in WORDS[:-1]:
        found = [verdict for verdict in verdicts if word_for(verdict) == word]
        if found:
            names = "; ".join(verdict.expectation for verdict in found)
            parts.append(f"{_told_by(found[0])}: {names}")
    return "; ".join(parts)


def tell_in_short(verdicts: Sequence[Verdict]) -> dict[str, JsonValue]:
    """How many expectations were met, and which were overridden or only warned of."""
    words = [word_for(verdict) for verdict in verdicts]
    told: dict[str, JsonValue] = {MET: words.count(MET)}
    for word in dict.fromkeys(words):
        if word != MET:
            of_word = (v for v, its in zip(verdicts, words, strict=True) if its == word)
            told[word] = [f"{verdict.table_name}: {verdict.expectation}" for verdict in of_word]
    return told


def _told_by(verdict: Verdict) -> str:
    """The word for a verdict, and of an override by whom and why."""
    word = word_for(verdict)
    if word != OVERRIDDEN:
        return word
    return f"{word} by {verdict.overridden_by} ({verdict.override_reason})"


# The layers that have a gate, in the order of the gates.
LAYERS: tuple[Layer, ...] = ("bronze", "silver", "gold")


def subjects(plan: Plan, layer: str) -> dict[str, str]:
    """Table to what its gate has before it: epoch and digest of the newest build."""
    epoch, built = _newest_build(plan.folder, layer)
    return {f"{layer}.{name}": f"{epoch}/{content}" for name, content in built.items()}


def _newest_build(folder: str, layer: str) -> tuple[int, dict[str, int | str]]:
    """The epoch of the newest build of a layer, and what tells the content of each table."""
    if layer == "bronze":
        ingest = read_ingest(folder)
        return ingest.epoch, {name: each.version for name, each in ingest.datasets.items()}
    if layer == "silver":
        silver = read_silver(folder)
        return silver.epoch, {name: each.digest for name, each in silver.datasets.items()}
    gold = read_gold(folder)
    return gold.epoch, {name: each.digest for name, each in gold.tables.items()}


def all_subjects(plan: Plan) -> dict[str, str]:
    """What every gate of the batch must have judged before the batch may commit."""
    asked = [layer for layer in LAYERS if plan.needs(f"validate_{layer}")]
    return {table: what for layer in asked for table, what in subjects(plan, layer).items()}


def contracts_at(plan: Plan, layer: str) -> list[Contract]:
    """The contracts that a gate judges by."""
    if layer == "gold":
        return plan.gold
    return [load_contract("bronze" if layer == "bronze" else "silver", d) for d in plan.active]


def require_verdicts(
    found: Mapping[tuple[str, str], Verdict], plan: Plan, judged: Mapping[str, str] | None
) -> None:
    """Raise GateFailedError unless every expectation in force was met, or properly overridden.

    `found` are the newest verdicts in the books; `judged` is, by table, what they must be about:
    None, which is anything, of a commit from before this was recorded.
    The colour of a task says nothing: it can be set by hand.
    """
    for layer in LAYERS:
        if not plan.needs(f"validate_{layer}"):
            continue
        for contract in contracts_at(plan, layer):
            for expectation in contract.expectations:
                verdict = found.get((contract.table, expectation.name))
                subject = judged[contract.table] if judged else None
                fault = _fault(verdict, subject, overridable=expectation.overridable)
                if fault:
                    raise GateFailedError(
                        f"{plan.batch_id}: {contract.table}: {expectation.name!r} {fault}; nothing"
                        f" goes on without its verdict: clear validate_{layer} and all after it"
                    )


def _fault(verdict: Verdict | None, subject: str | None, *, overridable: bool) -> str:
    if verdict is None:
        return "has no verdict"
    if subject is not None and verdict.subject != subject:
        return "was judged on another build than the newest"
    if stops(verdict) or (verdict.overridden and not overridable):
        return "was not met"
    return ""


def explain(verdict: Verdict) -> list[str]:
    """The lines that tell a person what was expected, what was found, and where."""
    column = verdict.kwargs.get("column") or verdict.kwargs.get("column_list") or ""
    shown, unexpected = verdict.failing, verdict.unexpected_count
    return [
        f"[{_told_by(verdict)}] {verdict.table_name}: {verdict.expectation}",
        f"  expectation {verdict.type} {json.dumps(verdict.kwargs)}",
        f"  column {column or '-'}, observed {verdict.observed or '-'}, "
        f"unexpected {unexpected or '-'}",
        *([f"  failing, {len(shown)} of {unexpected or len(shown):,}:"] if shown else []),
        *(f"    {_told_record(record)}" for record in sort_records(shown)),
    ]


def sort_records(failing: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Failing records by file and number."""
    return sorted(
        failing, key=lambda r: (str(r.get("source_file")), int(r.get("record_number") or 0))
    )


def _told_record(record: dict[str, Any]) -> str:
    """`'a.csv' record 7: {"reasons": "…"}`: place and reason first, at the left edge."""
    rest = {k: v for k, v in record.items() if k not in ("source_file", "record_number")}
    if "source_file" not in record:
        return json.dumps(rest, default=str)
    number = f" record {record['record_number']}" if "record_number" in record else ""
    return f"{record['source_file']!r}{number}: {json.dumps(rest, default=str)}"
