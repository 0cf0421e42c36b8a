"""The classes of bad trade records, each with the reasons that the pipeline must give for it."""

from __future__ import annotations

from dataclasses import dataclass, field

HEADER = (
    "TradeId,CustomerId,From_Currency,To_Currency,From_Cost,To_Cost,From_Pip,To_Pip,"
    "Transaction_Date,Transaction_Status,Created_By,Created_On,Updated_By,Updated_on,"
    "From_Deposited_Account,To_Debited_Account"
)
COLUMNS = tuple(HEADER.lower().split(","))


@dataclass(frozen=True)
class Defect:
    """One class. `edits` maps a column, or `line` (the whole record), to SQL over the good text."""

    reasons: tuple[str, ...]
    edits: dict[str, str] = field(default_factory=dict)


# Every reason once, then further ways to earn one, so that a small set shows the most reasons.
DEFECTS = (
    Defect(("record.malformed",), {"line": "regexp_replace(line, ',[^,]*$', '')"}),
    Defect(("record.repeated_header",), {"line": f"'{HEADER}'"}),
    Defect(("trade_id.missing",), {"tradeid": "''"}),
    Defect(("customer_id.missing",), {"customerid": "''"}),
    Defect(("updated_on.missing",), {"updated_on": "''"}),
    Defect(("from_cost.unparseable",), {"from_cost": """'"12,3x"'"""}),
    Defect(("to_cost.unparseable",), {"to_cost": "'n/a'"}),
    Defect(("transaction_date.unparseable",), {"transaction_date": "'not-a-date'"}),
    Defect(("updated_on.unparseable",), {"updated_on": "'yesterday'"}),
    Defect(("from_cost.out_of_range",), {"from_cost": "concat('-', from_cost)"}),
    Defect(("to_cost.out_of_range",), {"to_cost": "concat('9999999', to_cost)"}),
    Defect(("from_currency.unknown",), {"from_currency": "'XXX'"}),
    Defect(("to_currency.unknown",), {"to_currency": "'XXX'"}),
    Defect(("transaction_status.unknown",), {"transaction_status": "'DONE'"}),
    Defect(("record.malformed",), {"line": "concat(line, ',surplus')"}),
    Defect(("from_cost.unparseable",), {"from_cost": "concat(from_cost, '5')"}),
    Defect(("transaction_date.unparseable",), {"transaction_date": "'2026-02-30T10:15:00.000000'"}),
    Defect(
        ("from_currency.unknown", "from_cost.out_of_range"),
        {"from_currency": "'XXX'", "from_cost": "concat('-', from_cost)"},
    ),
    Defect(
        ("to_cost.unparseable", "updated_on.missing"),
        {"to_cost": "'n/a'", "updated_on": "''"},
    ),
)


def edited(column: str) -> str:
    """SQL of the text of a column: as it is, or as the defect of the record leaves it."""
    branches = [
        f"when {number} then {defect.edits[column]}"
        for number, defect in enumerate(DEFECTS)
        if column in defect.edits
    ]
    return f"case defect {' '.join(branches)} else {column} end" if branches else column
