"""Verdicts of a gate, from which a test takes its own by `replace`."""

from __future__ import annotations

from dataclasses import replace

from assay.batch.verdicts import Verdict

MET = Verdict(
    table_name="silver.trades",
    expectation="known status",
    frame="rows",
    type="expect_column_values_to_be_in_set",
    kwargs={"column": "transaction_status"},
    severity="fail",
    success=True,
)
NOT_MET = replace(MET, success=False)
OVERRIDDEN = replace(NOT_MET, overridden=True, overridden_by="ada", override_reason="late feed")
