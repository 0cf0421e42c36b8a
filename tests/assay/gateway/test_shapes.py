"""Shapes of JSON bodies: a bad record has that of the others, and no file changes its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assay.contracts.load import load_contract
from assay.errors import RequestRefusedError
from assay.gateway.body import Kind
from assay.gateway.check import checker_of
from assay.gateway.deliver import packed
from assay.gateway.files import fill_files
from assay.gateway.json_body import prepare_lines
from assay.gateway.limits import Limits
from assay.gateway.naming import name_by
from assay.gateway.records import Posted, Prepared
from assay.intake.header import nearest_shape
from assay.intake.records import inspect_file
from builders.gateway import MOST, lines

RETURNS = checker_of("product_returns")
SAME = {"return_id": "1", "order_id": "2", "qty": 1, "return_date": "2026-01-05"}
SAME |= {"ingest_ts": "2026-01-05T10:00:00Z"}
CURRENT = {"sku": "a", "reason": "defective", "amount": 2}
REFUNDS = {"product_id": "a", "return_reason": "defective", "refund_amount": 2}
BAD: list[Any] = [{}, {"return_id": "3", "order_id": "4"}, {"other": 1}, SAME, "no JSON"]


def prepared(*records: Any, strict: bool = False) -> Prepared:
    body = lines(*records)
    return prepare_lines(body, Kind.LINES, RETURNS, "*.jsonl.gz", MOST, strict=strict)


def read_by(made: list[Prepared], folder: Path) -> list[str]:
    """The shape of each file that these requests make, as acceptance finds it."""
    found = []
    for file in fill_files([Posted(each, "p", "key", "") for each in made], Limits()):
        path = folder / name_by(file.target.pattern)
        path.write_bytes(packed(path.name, file.content()))
        header = inspect_file(path, RETURNS.bronze).header
        found.append(nearest_shape(header, load_contract("bronze", "product_returns")))
    return found


@pytest.mark.parametrize("bad", BAD, ids=str)
@pytest.mark.parametrize("good", [CURRENT, REFUNDS], ids=["current", "refunds"])
def test_a_bad_record_that_fits_both_shapes_has_that_of_the_others(
    good: dict[str, Any], bad: Any, tmp_path: Path
) -> None:
    for records in ([SAME | good, bad], [bad, SAME | good]):
        made = prepared(*records)
        assert (made.records, made.doubtful) == (2, 1)
        assert [number for number, _, _ in made.findings] == [records.index(bad) + 1]
        shape = "current" if good is CURRENT else "refunds"
        assert (made.target.shape, read_by([made], tmp_path)) == (shape, [shape])
        assert prepared(*records, strict=True).refused == 1


def test_records_that_are_clearly_of_two_shapes_are_refused() -> None:
    with pytest.raises(RequestRefusedError, match=r"one shape \(current, refunds\)") as refused:
        prepared(SAME | CURRENT, SAME | REFUNDS)
    assert refused.value.status == 422


def test_records_that_have_names_of_both_shapes_change_no_others(tmp_path: Path) -> None:
    """One that has all of both would have its file read by the first shape."""
    both = SAME | CURRENT | REFUNDS
    assert read_by([prepared(both)], tmp_path) == ["current"]
    with pytest.raises(RequestRefusedError, match="more than one shape"):
        prepared(both, SAME | REFUNDS)
    one, other = SAME | REFUNDS | {"sku": 1}, SAME | REFUNDS | {"reason": 1, "amount": 1}
    with pytest.raises(RequestRefusedError, match="more than one shape"):
        prepared(one, other)
    apart = read_by([prepared(one), prepared(other), prepared(SAME | REFUNDS)], tmp_path)
    assert apart == ["refunds"] * 3


def test_a_body_of_records_that_fit_all_shapes_has_the_first(tmp_path: Path) -> None:
    made = prepared({}, SAME)
    assert (made.target.shape, made.doubtful) == ("current", 2)
    assert read_by([made], tmp_path) == ["current"]
