"""What is particular to the files of events, quotes, funds and returns."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from assay.generate.recipes import recipe_of
from assay.generate.truth import Truth
from assay.generate.write import generate
from builders.judged_files import Good, content_of, judge, read_records


def by_default(dataset: str, out: Path, **given: Any) -> Truth:
    return generate(dataset, recipe_of(dataset).options(out / "landing", **given))


def good_of(truth: Truth, name: str = "") -> list[dict[str, str]]:
    """Silver values of the good records whose file name holds `name`."""
    paths = [truth.options.out / file.name for file in truth.files if name in file.name]
    verdicts = [judge(truth.dataset, r) for path in paths for r in read_records(path)]
    return [verdict.values for verdict in verdicts if isinstance(verdict, Good)]


def headers(truth: Truth) -> Counter[str]:
    paths = [truth.options.out / file.name for file in truth.files]
    return Counter(content_of(path).decode().partition("\n")[0] for path in paths)


STOREFRONT = "user_id,action,product_id,product_name,price,timestamp"
ACTIVITY = "event_id,event_time,event_type,product_id,price,user_id,session_id"


@pytest.mark.parametrize(
    ("shape", "given", "expected"),
    [
        ("activity", {"files": 4}, {ACTIVITY: 4}),
        ("storefront", {}, {STOREFRONT: 10, f"{STOREFRONT},session_id": 10}),
        ("mixed", {"files": 8}, {ACTIVITY: 4, STOREFRONT: 2, f"{STOREFRONT},session_id": 2}),
    ],
)
def test_a_shape_of_events_has_its_headers_and_few_bad_records(
    shape: str, given: dict[str, int], expected: dict[str, int], tmp_path: Path
) -> None:
    truth = by_default("ecommerce_events", tmp_path, shape=shape, **given)
    assert headers(truth) == expected
    assert {file.records for file in truth.files} == {100 if shape == "storefront" else 75}
    assert 0 < truth.quarantined < truth.records / 10


def test_events_spell_types_and_times_in_every_way(tmp_path: Path) -> None:
    truth = by_default("ecommerce_events", tmp_path, shape="mixed", files=4, rows=1000)
    good = good_of(truth)
    assert {"VIEW", "View", " VIEW ", "view"} <= {e["event_type_delivered"] for e in good}
    kinds = {event["event_type"] for event in good}
    assert kinds == {"view", "purchase", "add_to_cart", "remove_from_cart"}
    delivered = [r for f in truth.files for r in read_records(truth.options.out / f.name)]
    times = [
        str(r.get("event_time") or r.get("timestamp")) for r in delivered if isinstance(r, dict)
    ]
    spellings = {"".join("9" if c.isdigit() else c for c in time) for time in times}
    assert {
        *("9999-99-99 99:99:99", "9999-99-99T99:99:99.999999", "9999-99-99T99:99:99"),
        *("9999-99-99T99:99:99.999999Z", "9999-99-99T99:99:99+99:99"),
        "9999-99-99T99:99:99.999999+99:99",
    } <= spellings


def test_events_without_an_id_get_a_hash_and_their_optional_values_stay_null(
    tmp_path: Path,
) -> None:
    good = good_of(by_default("ecommerce_events", tmp_path, shape="storefront"))
    assert all(len(event["event_id"]) == 65 for event in good)
    nulls = Counter(name for event in good for name, text in event.items() if text == "\x1e")
    assert set(nulls) == {"product_name", "price", "session_id"}
    assert len(good) / 2 < nulls["session_id"] < len(good) * 0.6


def test_quotes_and_funds_meet_but_some_companies_have_only_one_side(tmp_path: Path) -> None:
    quotes = good_of(by_default("stocks", tmp_path / "s"))
    funds = good_of(by_default("mutual_funds", tmp_path / "f"))
    quoted = {quote["company_id"] for quote in quotes}
    held = {fund["company_id"] for fund in funds}
    assert min(len(quoted & held), len(quoted - held), len(held - quoted)) >= 4
    stocks = {(quote["company_id"], quote["stock_id"]) for quote in quotes}
    assert len(stocks) == 50 > len(quoted) == 40


def test_quotes_are_nested_lines_and_arrays_with_texts_and_unknown_fields(tmp_path: Path) -> None:
    truth = by_default("stocks", tmp_path)
    first = content_of(truth.options.out / truth.files[0].name).decode().splitlines()
    quote = json.loads(first[0])
    assert set(quote["details"]) == {"exchange", "sector"}
    assert {type(quote[name]) for name in ("stock_id", "volume")} == {int}
    suffixes = Counter("".join(Path(f.name).suffixes) for f in truth.files)
    assert suffixes == {".jsonl": 6, ".json": 2, ".jsonl.gz": 1, ".json.gz": 1}
    every = [r for f in truth.files for r in read_records(truth.options.out / f.name)]
    assert any(isinstance(r, dict) and r.get("note") for r in every)
    assert any(isinstance(r, dict) and str(r.get("price")).startswith(" ") for r in every)


def test_returns_come_in_three_formats_and_two_spellings_and_join_events(tmp_path: Path) -> None:
    truth = by_default("product_returns", tmp_path)
    suffixes = [Path(file.name).suffix for file in truth.files]
    assert suffixes == [".csv", ".jsonl", ".parquet"] * 2
    reasons = ["refund_amount" in read_fields(truth, n) for n in range(6)]
    assert reasons == [False] * 3 + [True] * 3
    assert {1 <= int(row["sku"]) <= 1000 for row in good_of(truth)} == {True}
    assert {row["reason_category"] for row in good_of(truth, ".parquet")} == {
        *("quality_issue", "customer_error", "product_mismatch", "other")
    }


def read_fields(truth: Truth, number: int) -> set[str]:
    records = read_records(truth.options.out / truth.files[number].name)
    return {name for record in records if isinstance(record, dict) for name in record}
