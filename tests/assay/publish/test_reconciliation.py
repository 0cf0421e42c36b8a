from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from assay.contracts.load import load_contract
from assay.errors import ReconciliationError
from assay.publish.reconciliation import (
    check_gold,
    check_ledger,
    check_same,
    check_silver,
    read_measures,
    sum_classes,
)

BALANCED = {
    "records": 15,
    "new": 5,
    "updated": 4,
    "duplicate": 3,
    "superseded": 2,
    "quarantined": 1,
}


def test_balanced_ledger_passes() -> None:
    check_ledger("b1", {"f1": BALANCED, "f2": BALANCED}, {"f1": 15, "f2": 15})
    assert sum_classes({"f1": BALANCED, "f2": BALANCED})["records"] == 30


@pytest.mark.parametrize("name", [*BALANCED])
def test_one_record_astray_in_any_class_is_found_with_file_and_both_sides(name: str) -> None:
    astray = {**BALANCED, name: BALANCED[name] + 1}
    with pytest.raises(ReconciliationError, match=r"file f2: records = .*1[56] is not 1[56]"):
        check_ledger("b1", {"f1": BALANCED, "f2": astray})


def test_negative_class_is_refused_although_the_sum_is_right() -> None:
    crossed = {**BALANCED, "new": 11, "quarantined": -5}
    with pytest.raises(ReconciliationError, match="quarantined is -5"):
        check_ledger("b1", {"f1": crossed})


@pytest.mark.parametrize("counted", [{"f1": 16}, {"f1": 15, "f2": 3}, {}])
def test_ledger_differs_from_the_independent_count(counted: dict[str, int]) -> None:
    with pytest.raises(ReconciliationError, match="records in silver = records counted"):
        check_ledger("b1", {"f1": BALANCED}, counted)


def silver_sides(**changed: str) -> dict[str, Any]:
    sides = {"before": "100.10", "after": "130.35", "new": "20.20", "updated": "15.05"}
    sides |= {"replaced": "5.00", "rows": "12"} | changed
    return {
        "before": {"rows": Decimal(10), "cost": Decimal(sides["before"])},
        "after": {"rows": Decimal(sides["rows"]), "cost": Decimal(sides["after"])},
        "new_rows": 2,
        "sums": {n: {"cost": Decimal(sides[n])} for n in ("new", "updated", "replaced")},
        "money": ["cost"],
    }


def test_silver_that_gained_what_the_change_set_brought_passes() -> None:
    check_silver("silver.trades", **silver_sides())


@pytest.mark.parametrize("side", ["before", "after", "new", "updated", "replaced"])
def test_one_cent_astray_on_any_side_is_found(side: str) -> None:
    cent = Decimal("0.01") + silver_value(side)
    with pytest.raises(
        ReconciliationError, match=r"silver\.trades\.cost: sum after - sum before = .* -?0\.01"
    ):
        check_silver("silver.trades", **silver_sides(**{side: str(cent)}))


def silver_value(side: str) -> Decimal:
    sides = silver_sides()
    value: Decimal = (sides[side] if side in sides else sides["sums"][side])["cost"]
    return value


def test_row_that_is_no_new_row_is_found() -> None:
    with pytest.raises(ReconciliationError, match="rows after - rows before = new: 3 is not 2"):
        check_silver("silver.trades", **silver_sides(rows="13"))


def test_gold_totals_are_compared_as_the_contract_pairs_them() -> None:
    contract = load_contract("gold", "customer_exposure")
    silver = read_measures({"rows": 7, "from_cost": "1.00", "to_cost": "2.50"})
    check_gold(
        contract, "trades", gold=read_measures({"trades": 7, "to_cost": "2.50"}), silver=silver
    )
    with pytest.raises(ReconciliationError, match=r"customer_exposure\.trades = silver rows"):
        check_gold(
            contract, "trades", gold=read_measures({"trades": 8, "to_cost": "2.50"}), silver=silver
        )


def test_gold_of_several_datasets_is_compared_with_each_alone() -> None:
    contract = load_contract("gold", "company_coverage")
    gold = read_measures({"quotes": 3, "funds": 2, "holdings": 50})
    stocks = read_measures({"rows": 3, "price": "1.5"})
    check_gold(contract, "stocks", gold=gold, silver=stocks)
    with pytest.raises(ReconciliationError, match=r"company_coverage\.funds = silver rows"):
        check_gold(contract, "mutual_funds", gold=gold, silver=stocks | {"holdings": Decimal(50)})
    prices = load_contract("gold", "adjusted_prices")
    check_gold(prices, "mutual_funds", gold=gold, silver=stocks)


def test_stores_that_differ_are_named_with_both_numbers() -> None:
    with pytest.raises(ReconciliationError, match=r"cost of gold\.t = silver\.t: 1\.00 is not"):
        check_same("gold.t", {"cost": Decimal("1.00")}, "silver.t", {"cost": Decimal("1.01")})


def test_float_is_refused_as_a_sum() -> None:
    with pytest.raises(ReconciliationError, match=r"cost: 0\.1 is a float"):
        read_measures({"cost": 0.1})


def test_sum_of_no_rows_is_zero() -> None:
    assert read_measures({"rows": 0, "cost": None}) == {"rows": 0, "cost": 0}
