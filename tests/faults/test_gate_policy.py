"""What an override can never let pass: a batch without one good record."""

from __future__ import annotations

import pytest

from assay.batch.gates import decide, require_pass
from assay.batch.plan import GatePolicy
from assay.batch.results import from_json
from assay.batch.verdicts import Verdict
from assay.errors import GateFailedError
from assay.generate.truth import Truth
from builders.attempts import Attempts
from builders.content import SILVER
from builders.deliveries import deliver, spoil

pytestmark = [pytest.mark.e2e, pytest.mark.long]


def test_an_override_is_refused_for_a_batch_without_a_good_record(
    attempts: Attempts, trade_files: Truth
) -> None:
    source = trade_files.options.out / trade_files.files[0].name
    bad = trade_files.options.out.with_name("no_good_record.csv")
    assert spoil(source, bad, every=1) > 0
    deliver(attempts.settings.landing / "trades", [bad])
    plan = attempts.accept("no good record")
    judged = attempts.run(plan, "ingest_bronze", "build_silver", "validate_silver")
    found = [from_json(Verdict, facts) for facts in judged["verdicts"]]

    policy = GatePolicy("override", user="me", reason="it is urgent")
    verdicts = {v.expectation: v for v in decide([SILVER], found, policy)}
    share = verdicts["at most a tenth of the records is quarantined"]
    assert (share.success, share.overridden) == (False, True)
    assert (share.overridden_by, share.override_reason) == ("me", "it is urgent")
    assert verdicts["the batch has a good record"].overridden is False
    with pytest.raises(GateFailedError, match="the batch has a good record") as refused:
        require_pass([*verdicts.values()])
    assert "tenth" not in str(refused.value)
