"""What is particular to the files of trades: their oddities, versions, customers and samples."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path

from assay.generate.recipes import recipe_of
from assay.generate.truth import Truth, read_truth
from assay.generate.write import generate
from assay.settings import CONTRACTS
from builders.deliveries import small
from builders.judged_files import Good, Record, judge, read_records

DEFECTS = recipe_of("trades").defects
TIMES = ("Transaction_Date", "Created_On", "Updated_on")


def records_of(truth: Truth, *, good: bool) -> list[Record]:
    records = [r for file in truth.files for r in read_records(truth.options.out / file.name)]
    return [
        record
        for record in records
        if isinstance(record, dict) and isinstance(judge("trades", record), Good) is good
    ]


def test_defects_are_spread_evenly_over_their_classes(trades: Truth) -> None:
    expected = Counter(
        reason for number in range(300) for reason in DEFECTS[number % len(DEFECTS)].reasons
    )
    assert trades.reasons == dict(expected)


def test_a_defective_record_has_a_key_of_its_own(trades: Truth) -> None:
    good = {record["TradeId"] for record in records_of(trades, good=True)}
    bad = [record["TradeId"] for record in records_of(trades, good=False) if record["TradeId"]]
    assert len(bad) == len(set(bad)) > 200
    assert not good & set(bad)


def test_good_records_carry_every_harmless_oddity(trades: Truth) -> None:
    good = [{k: str(v) for k, v in r.items()} for r in records_of(trades, good=True)]
    assert any({"\n", ",", '"'} <= set(record["Created_By"]) for record in good)
    assert any(not r["Created_By"].strip() and not r["To_Pip"] for r in good)
    assert any(
        r["From_Currency"] != r["From_Currency"].strip()
        and r["From_Currency"].islower()
        and r["Transaction_Status"].islower()
        for r in good
    )


def test_all_times_lie_in_the_days_that_were_asked_for(trades: Truth) -> None:
    end = (trades.options.start + timedelta(days=trades.options.days)).isoformat()
    times = {str(record[name]) for record in records_of(trades, good=True) for name in TIMES}
    assert trades.options.start.isoformat() <= min(times) < max(times) < end
    assert all(re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{6}", time) for time in times)


def test_a_newer_version_wins_an_older_one_loses_and_most_come_after_their_trade(
    trades: Truth,
) -> None:
    versions: dict[str | None, list[date]] = defaultdict(list)
    for record in records_of(trades, good=True):
        day = datetime.fromisoformat(str(record["Updated_on"])).date()
        versions[record["TradeId"]].append(day)
    # of the 30 days, older versions lie in the first quarter and newer ones in the last
    second, fourth = date(2026, 1, 8), date(2026, 1, 23)
    newer = [days for days in versions.values() if max(days) >= fourth]
    older = [days for days in versions.values() if min(days) < second]
    assert min(len(newer), len(older)) > 200
    plain = [days[0] for days in [*newer, *older] if second < days[0] < fourth]
    assert len(plain) > 0.6 * (len(newer) + len(older))


def test_two_seeds_have_the_same_customers_but_no_common_trade(tmp_path: Path) -> None:
    sets = [
        generate("trades", small("trades", tmp_path / str(seed), files=2, seed=seed))
        for seed in (1, 2)
    ]
    records = [records_of(made, good=True) for made in sets]
    trades = [{record["TradeId"] for record in part} for part in records]
    customers = [{record["CustomerId"] for record in part} for part in records]
    assert not trades[0] & trades[1]
    assert customers[0] == customers[1]
    assert len(customers[0]) == 50


def test_the_committed_samples_show_every_reason() -> None:
    truth = CONTRACTS / "datasets" / "trades" / "samples_truth.json"
    assert len(read_truth(truth).reasons) == 14
