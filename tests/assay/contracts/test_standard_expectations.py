"""What the gates expect without being told: it follows from keys, columns and totals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from assay.contracts.load import DATASET_FILE, GOLD_FILE, load_contract
from assay.contracts.model import Expectation

Facts = dict[str, Any]
TABLE: Facts = {"owner": "o", "description": "d", "grain": "g", "keys": ["a"]}
SOURCE: Facts = {"system": "s", "description": "d", "patterns": ["*.csv"]}
DATASET: Facts = {**TABLE, "columns": [{"name": "a"}], "event_time": "a", "source": SOURCE}
GOLD: Facts = {**TABLE, "columns": [{"name": name} for name in "abn"], "datasets": ["x"]}


def expected(layer: str, **facts: Any) -> dict[str, Expectation]:
    if layer == "gold":
        return by_name(GOLD_FILE.validate_python({**GOLD, **facts}).all_expectations)
    file = DATASET_FILE.validate_python({**DATASET, **facts})
    return by_name(file.bronze_expectations if layer == "bronze" else file.silver_expectations)


def by_name(listed: Sequence[Expectation]) -> dict[str, Expectation]:
    found = {each.name: each for each in listed}
    assert len(found) == len(listed), "verdicts are recorded by name"
    return found


def test_bronze_expects_the_same_of_every_dataset() -> None:
    assert [*expected("bronze")] == [
        "every record of every file is in bronze",
        "every file of the batch is in bronze",
        "the batch has records",
        "record numbers start at one",
        "few records are malformed",
        "no unknown column",
    ]
    overridable = {e.name for e in load_contract("bronze", "trades").expectations if e.overridable}
    assert overridable == {"few records are malformed", "no unknown column"}


def test_a_column_of_silver_is_expected_to_be_what_it_names() -> None:
    columns = [
        {"name": "a", "nullable": False},
        {"name": "b", "minimum": "0", "maximum": "9.5", "expect": {"in_range": "b fits"}},
        {
            "name": "c",
            "allowed": ["X"],
            "nullable": False,
            "expect": {"known": "known c", "not_null": "c is there"},
        },
        {"name": "d", "categories": {"x": "1", "y": "2", "z": "1"}, "expect": {"known": "known d"}},
        {"name": "e", "minimum": "2020-01-01", "expect": {"in_range": "e fits"}},
        {"name": "f", "minimum": "0"},
    ]
    *_, unique, key, c, known_c, known_d, b, e = expected("silver", columns=columns).values()
    assert unique.kwargs == {"column": "a"}
    assert (key.name, key.overridable) == ("every row has a", False)
    assert (c.kwargs, c.overridable) == ({"column": "c"}, True)
    assert known_c.kwargs == {"column": "c", "value_set": ["X"]}
    assert known_d.kwargs == {"column": "d", "value_set": ["1", "2"]}
    assert b.kwargs == {"column": "b", "min_value": 0, "max_value": 9.5}
    assert e.kwargs == {"column": "e", "min_value": "2020-01-01"}


@pytest.mark.parametrize(
    ("facts", "name", "mostly"),
    [
        ({}, "at most a tenth of the records is quarantined", 0.9),
        ({"most_quarantined": 0.2}, "at most a fifth of the records is quarantined", 0.8),
        ({"most_quarantined": 0.03}, "at most 3.0% of the records is quarantined", 0.97),
    ],
)
def test_the_share_that_may_be_quarantined_is_in_the_name(
    facts: Facts, name: str, mostly: float
) -> None:
    assert expected("silver", **facts)[name].kwargs["mostly"] == mostly


def test_gold_is_unique_and_adds_up() -> None:
    assert [*expected("gold", keys=["a", "b"])] == ["one row per a and b"]
    found = expected("gold", keys=["a", "b"], one_row_per="day and pair", totals={"n": "rows"})
    assert [*found] == ["one row per day and pair", "totals equal silver", "a group has n"]
    assert found["one row per day and pair"].kwargs == {
        "column_list": ["a", "b"],
        "ignore_row_if": "never",
    }
    assert found["a group has n"].kwargs == {"column": "n", "min_value": 1}


def test_a_group_of_several_datasets_may_have_no_row_of_one() -> None:
    found = expected("gold", datasets=["x", "y"], totals={"n": "x.rows", "b": "y.rows"})
    assert [*found] == ["one row per a", "totals equal silver"]


def test_a_column_of_gold_knows_no_rule_of_delivered_texts() -> None:
    for key, value in (("minimum", "0"), ("standardise", "upper"), ("round", "half_even")):
        with pytest.raises(ValidationError, match=rf"columns\.0\.{key}\s+Unexpected keyword"):
            expected("gold", columns=[{"name": "a", key: value}])


def test_texts_of_a_gold_key_fit_an_index_by_their_lengths() -> None:
    keys = [*"abcdef"]
    with pytest.raises(ValidationError):
        expected("gold", keys=keys, columns=[{"name": name} for name in keys])
    short = [{"name": name, "max_length": 40} for name in keys]
    assert [*expected("gold", keys=keys, columns=short)] == [f"one row per {' and '.join(keys)}"]


def test_a_written_expectation_stands_in_the_place_of_a_derived_one() -> None:
    strict = Expectation("few records are malformed", "expect_x", "rows", {"mostly": 1})
    found = expected("bronze", expectations={"bronze": [strict]})
    assert len(found) == 6
    assert found["few records are malformed"] == strict
