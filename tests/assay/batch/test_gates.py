"""The decision at a gate: silence is no pass, and an override has its limits."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from assay.batch.gates import decide, explain, require_pass, summarise
from assay.batch.plan import GatePolicy
from assay.batch.results import from_json
from assay.batch.verdicts import Verdict
from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from assay.errors import GateFailedError

STRICT = GatePolicy()
OVERRIDE = GatePolicy("override", "ada", "late correction agreed with trade desk")


@pytest.fixture
def silver() -> Contract:
    return load_contract("silver", "trades")


def verdicts_of(contract: Contract, *failed: str) -> list[Verdict]:
    return [
        Verdict.on(
            contract,
            expectation,
            success=expectation.name not in failed,
            observed="",
            unexpected_count=23,
            failing=[
                {"source_file": "b.csv", "record_number": 2},
                {"source_file": "a.csv", "record_number": 10, "status": "DONE"},
                {"source_file": "a.csv", "record_number": 7},
            ],
        )
        for expectation in contract.expectations
    ]


def test_a_gate_whose_expectations_are_met_passes(silver: Contract) -> None:
    decided = decide([silver], verdicts_of(silver), STRICT)
    require_pass(decided)
    assert not any(verdict.overridden for verdict in decided)


def test_a_missing_verdict_is_a_failure_also_under_override(silver: Contract) -> None:
    with pytest.raises(GateFailedError, match=r"silver\.trades: no verdict for 'known status'"):
        decide(
            [silver],
            [v for v in verdicts_of(silver) if v.expectation != "known status"],
            OVERRIDE,
        )
    with pytest.raises(GateFailedError, match="no verdict"):
        decide([silver], [], STRICT)


def test_a_failed_expectation_stops_a_strict_batch(silver: Contract) -> None:
    decided = decide([silver], verdicts_of(silver, "known status", "amount sold in range"), STRICT)
    with pytest.raises(GateFailedError, match=r"2 expectations.*known status.*|amount sold"):
        require_pass(decided)


def test_an_override_is_recorded_with_who_and_why(silver: Contract) -> None:
    decided = decide([silver], verdicts_of(silver, "known status"), OVERRIDE)
    require_pass(decided)
    (overridden,) = [verdict for verdict in decided if verdict.overridden]
    assert overridden.expectation == "known status"
    assert (overridden.overridden_by, overridden.override_reason) == ("ada", OVERRIDE.reason)


def test_keys_and_counts_cannot_be_overridden(silver: Contract) -> None:
    fixed = [e.name for e in silver.expectations if not e.overridable]
    assert {"one row per trade and customer", "every record has exactly one class"} <= set(fixed)
    for name in fixed:
        with pytest.raises(GateFailedError, match=name):
            require_pass(decide([silver], verdicts_of(silver, name), OVERRIDE))


def test_what_an_earlier_version_wrote_is_read() -> None:
    (verdict, *_) = verdicts_of(load_contract("bronze", "trades"))
    written = json.loads(json.dumps({**asdict(verdict), "overridable": True}))
    assert from_json(Verdict, written) == verdict
    oldest = {"subject", "overridden", "overridden_by", "override_reason"}
    assert from_json(Verdict, {k: v for k, v in written.items() if k not in oldest}) == verdict


def test_a_warning_does_not_stop() -> None:
    bronze = load_contract("bronze", "trades")
    require_pass(decide([bronze], verdicts_of(bronze, "no unknown column"), STRICT))


def test_a_failed_expectation_is_explained_with_its_records(silver: Contract) -> None:
    failed = decide([silver], verdicts_of(silver, "known status"), STRICT)
    lines = explain(next(v for v in failed if not v.success))
    assert lines[0] == "[not met] silver.trades: known status"
    for part in ("expect_column_values_to_be_in_set", "transaction_status"):
        assert part in "\n".join(lines)
    assert lines[3:] == [
        "  failing, 3 of 23:",
        "    'a.csv' record 7: {}",
        """    'a.csv' record 10: {"status": "DONE"}""",
        "    'b.csv' record 2: {}",
    ]


def test_three_words_for_three_things(silver: Contract) -> None:
    bronze = load_contract("bronze", "trades")
    strict = decide([silver], verdicts_of(silver, "known status"), STRICT)
    overridden = decide([silver], verdicts_of(silver, "known status"), OVERRIDE)
    warned = decide([bronze], verdicts_of(bronze, "no unknown column"), STRICT)
    with pytest.raises(GateFailedError, match=r"^1 expectation not met: silver\.trades: known"):
        require_pass(strict)
    assert summarise(strict).endswith("expectations met; not met: known status")
    told = f"overridden by ada ({OVERRIDE.reason}): known status"
    assert summarise(overridden).endswith(f"expectations met; {told}")
    assert summarise(warned).endswith("expectations met; warning: no unknown column")
    (line, *_) = explain(next(v for v in overridden if v.overridden))
    assert line == f"[overridden by ada ({OVERRIDE.reason})] silver.trades: known status"
    assert summarise(decide([silver], verdicts_of(silver), STRICT)).endswith("expectations met")
