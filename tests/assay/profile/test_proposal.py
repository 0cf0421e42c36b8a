"""What sample files say of a dataset, in the shapes that exports have."""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from assay.contracts.load import read_contract
from assay.contracts.model import Contract
from assay.errors import SampleError
from assay.profile.given import Given
from assay.profile.proposal import Proposal, propose
from assay.profile.render import render
from builders.sample_files import (
    CITIES,
    RECORDS,
    clickstream_csv,
    european_csv,
    nested_json,
    pandas_parquet,
    plain_csv,
)


def contracts(proposal: Proposal, folder: Path) -> tuple[Contract, Contract]:
    """Bronze and silver, as they load from the file that would be written."""
    path = folder / proposal.name / "dataset.yaml"
    path.parent.mkdir()
    path.write_text(render(proposal))
    return read_contract("bronze", path), read_contract("silver", path)


def types(silver: Contract) -> dict[str, str]:
    return {column.name: column.type for column in silver.columns}


def test_semicolons_decimal_commas_and_days_first_in_cp1252(tmp_path: Path) -> None:
    proposal = propose("kunden", [european_csv(tmp_path)], Given())
    bronze, silver = contracts(proposal, tmp_path)
    dialect, forms = bronze.dialect, silver.forms
    assert (dialect.delimiter, dialect.encoding, dialect.header) == (";", "cp1252", True)
    assert (forms.decimal, forms.thousands, forms.date_formats) == (",", ".", ("dd/MM/yyyy",))
    assert (forms.null_values, forms.true_values, forms.false_values) == (
        ("k. A.",),
        ("Ja",),
        ("Nein",),
    )
    assert types(silver) == {
        "kunden_nr": "string",  # 00017 is the name of something
        "betrag_eur": "decimal(12,2)",
        "datum": "date",
        "bezahlt": "boolean",
        "ort": "string",
        "e_mail": "string",
    }
    columns = {column.name: column for column in silver.columns}
    assert silver.keys == ("kunden_nr",)
    assert silver.event_time == "datum"
    assert columns["betrag_eur"].nullable
    assert (columns["betrag_eur"].minimum, columns["betrag_eur"].money) == ("0", True)
    assert sorted(columns["ort"].allowed) == sorted(CITIES)
    assert columns["e_mail"].sensitive
    assert [c.header for c in bronze.columns if c.name == "betrag_eur"] == ["Betrag (EUR)"]
    assert "# 234 of 240 records, 6 null, " in render(proposal)


def test_a_header_with_a_reserved_name_is_kept_as_a_spelling(tmp_path: Path) -> None:
    file = tmp_path / "boxes.csv"
    lines = (f"{n},{n % 7},s{n},2026-01-{1 + n % 28:02}" for n in range(60))
    file.write_text("\n".join(["id,xmin,Slice ID,day", *lines]))
    bronze, _ = contracts(propose("boxes", [file], Given()), tmp_path)
    assert {c.name: c.header for c in bronze.columns} == {
        "id": "",
        "xmin_value": "xmin",
        "slice_id_value": "Slice ID",
        "day": "",
    }


def test_objects_in_json_become_columns_of_their_own(tmp_path: Path) -> None:
    proposal = propose("quotes", [nested_json(tmp_path)], Given())
    bronze, silver = contracts(proposal, tmp_path)
    headers = {c.name: c.header or c.name for c in bronze.columns}
    assert headers["exchange"] == "details.exchange"
    assert headers["order_value"] == "details.order"
    assert headers["stock_id"] == "stockId"
    assert types(silver)["timestamp"] == "timestamp"
    assert types(silver)["volume"] == "bigint"
    assert silver.keys == ("stock_id", "timestamp")
    assert silver.on_equal_version == "latest_delivery"
    assert any("--key stock_id" in line for line in proposal.decisions)
    assert types(silver)["price"] == "decimal(12,2)"
    assert [c.name for c in silver.rounded] == ["price"]
    told = (
        "price: 2 of 240 texts have more decimals than decimal(12,2), such as '0.30000000000000004'"
    )
    assert any(line.startswith(told) for line in proposal.decisions)
    assert "2 rounded, such as '0.30000000000000004'" in render(proposal)
    exchange = next(c for c in silver.columns if c.name == "exchange")
    assert (exchange.nullable, exchange.allowed) == (True, ("NYSE", "XETR"))


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        # The noise of sums, and of floats with half the digits.
        (lambda n: f"{n / 10 + 0.2!r}", "decimal(12,2)"),
        (lambda n: f"{n}.999999" if n % 80 == 12 else f"{n}.5", "decimal(12,2)"),
        (lambda n: f"{n}.989999771118164" if n % 2 else f"{n}.99", "decimal(12,2)"),
        # Digits that are meant, or that nobody can tell from such.
        (lambda n: "1e-07" if n == 3 else f"{n}.5", "decimal(13,6)"),
        (lambda n: f"{n}.{n * 3571 % 1_000_000:06}", "decimal(13,6)"),
        (lambda n: f"{math.sin(n)!r}", "decimal(12,6)"),
        (lambda n: f"{n / 7e6!r}", "decimal(12,6)"),
        (lambda n: f"{n}.25", "decimal(12,2)"),
        (lambda n: f"{n}E-2", "decimal(12,2)"),
    ],
)
def test_floats_are_proposed_to_be_rounded(
    tmp_path: Path, make: Callable[[int], str], kind: str
) -> None:
    path = plain_csv(tmp_path, lambda n: [f"p{n}", make(n)], "code,rate")
    proposal = propose("rates", [path], Given())
    _, silver = contracts(proposal, tmp_path)
    (rate,) = (c.typed for c in proposal.columns if c.typed.name == "rate")
    (column,) = (c for c in silver.columns if c.name == "rate")
    texts = [make(n) for n in range(RECORDS)]
    scale = Decimal((0, (1,), -column.scale))
    rounded = sum(Decimal(text) != Decimal(text).quantize(scale) for text in texts)
    assert (rate.type, rate.inexact, rate.unread) == (kind, rounded, 0)
    has_exponent = any("e" in text.lower() for text in texts)
    assert bool(column.round) == (rounded > 0 or has_exponent)


def test_parquet_of_pandas_has_whole_numbers_in_floats(tmp_path: Path) -> None:
    proposal = propose("returned", [pandas_parquet(tmp_path)], Given())
    _, silver = contracts(proposal, tmp_path)
    assert types(silver) == {
        "return_id": "string",
        "qty": "int",
        "amount": "decimal(12,2)",
        "return_date": "date",
        "ingest_ts": "timestamp",
    }
    assert (silver.keys, silver.event_time) == (("return_id",), "ingest_ts")
    assert silver.forms.null_values == ("NaN",)
    assert any(line.startswith("tags is list") for line in proposal.decisions)


def test_a_clickstream_without_a_key_is_refused_with_the_flag(tmp_path: Path) -> None:
    path = clickstream_csv(tmp_path)
    with pytest.raises(SampleError, match=r"2026-Jan\.csv: no set of up to 3 columns") as error:
        propose("clicks", [path], Given())
    assert "--key" in str(error.value)
    _, silver = contracts(propose("clicks", [path], Given(hash_key="click_id")), tmp_path)
    assert silver.keys == ("click_id",)
    assert silver.event_time == "event_time"
    assert len(silver.columns[0].hash_of) == len(silver.columns) - 1
    assert types(silver)["category_id"] == "bigint"
    kinds = next(c for c in silver.columns if c.name == "event_type")
    assert kinds.allowed == ("cart", "purchase", "view")


def test_without_a_time_the_latest_delivery_wins(tmp_path: Path) -> None:
    path = plain_csv(tmp_path, lambda n: [f"p{n}", n % 3], "code,grade")
    proposal = propose("products", [path], Given())
    _, silver = contracts(proposal, tmp_path)
    assert (silver.event_time, silver.on_equal_version) == ("code", "latest_delivery")
    assert any(line.startswith("event_time: no date") for line in proposal.decisions)


def test_a_mark_that_may_be_either_is_asked_for(tmp_path: Path) -> None:
    path = plain_csv(tmp_path, lambda n: [n, f'"{n + 1},125"'], "id,weight")
    with pytest.raises(SampleError, match=r"plain\.csv: column 'weight'.*--decimal or --thousands"):
        propose("weights", [path], Given())
    read = {
        mark: types(contracts(propose(f"by{at}", [path], given), tmp_path)[1])["weight"]
        for at, (mark, given) in enumerate(
            {",": Given(decimal=","), ".": Given(thousands=",")}.items()
        )
    }
    assert read == {",": "decimal(12,3)", ".": "int"}


def test_days_and_months_that_may_be_either_are_asked_for(tmp_path: Path) -> None:
    path = plain_csv(tmp_path, lambda n: [n, f"0{1 + n % 9}/0{1 + n % 7}/2026"], "id,day")
    with pytest.raises(SampleError, match=r"column 'day' .*--date-format dd/MM/yyyy or"):
        propose("days", [path], Given())
    _, silver = contracts(propose("days", [path], Given(date_formats=("MM/dd/yyyy",))), tmp_path)
    assert silver.forms.date_formats == ("MM/dd/yyyy",)
    assert types(silver)["day"] == "date"


def test_another_column_decides_what_the_first_part_of_a_date_is(tmp_path: Path) -> None:
    path = plain_csv(
        tmp_path,
        lambda n: [n, f"0{1 + n % 9}/0{1 + n % 7}/2026", f"{1 + n % 28}/{1 + n % 12}/2026 9:05"],
        "id,day,seen",
    )
    _, silver = contracts(propose("days", [path], Given()), tmp_path)
    assert types(silver) == {"id": "int", "day": "date", "seen": "timestamp"}
    assert set(silver.forms.date_formats) == {"dd/MM/yyyy", "d/M/yyyy H:mm"}


def test_bad_records_do_not_hide_what_a_column_is(tmp_path: Path) -> None:
    path = plain_csv(
        tmp_path, lambda n: [n, "$1.50" if n == 7 else f"{n}.50", "2026-01-05"], "id,amount,day"
    )
    proposal = propose("sales", [path], Given())
    _, silver = contracts(proposal, tmp_path)
    assert types(silver)["amount"] == "decimal(12,2)"
    assert any(
        "amount: 1 of 240 texts" in line and "'$1.50'" in line for line in proposal.decisions
    )


def test_files_without_a_header_have_their_columns_by_position(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"".join(b"%d,x%d,2026-01-05\n" % (n, n) for n in range(30))))
    proposal = propose("bare", [path], Given())
    bronze, silver = contracts(proposal, tmp_path)
    assert not bronze.dialect.header
    assert bronze.source is not None
    assert bronze.source.patterns == ("*.csv.gz",)
    assert [*types(silver)] == ["column_1", "column_2", "column_3"]


@pytest.mark.parametrize(
    ("content", "given", "told"),
    [
        (b"id,day\n1,2026-01-05\n", {"keys": ("nr",)}, r"--key nr: no such column; .* id"),
        (b"id,day\n1,2026-01-05\n", {"event_time": "dag"}, r"--event-time dag: no such .* day\?"),
        (b"id\n", {}, "no record to learn from"),
        (b"id,id\n1,2\n", {}, "it would be rejected: header column given twice"),
        (b"id,code\n1,x6\n1,x7\n1,x7\n", {}, None),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    tmp_path: Path, content: bytes, given: dict[str, Any], told: str | None
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    if told is None:
        assert propose("a", [path], Given(**given)).keys == ("code",)
        return
    with pytest.raises(SampleError, match=told):
        propose("a", [path], Given(**given))


def test_two_dialects_are_no_dataset(tmp_path: Path) -> None:
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text("id,day\n1,2026-01-05\n2,2026-01-06\n")
    two.write_text("id;day\n1;2026-01-05\n2;2026-01-06\n")
    with pytest.raises(SampleError, match=r"two\.csv: is written otherwise than .*one\.csv"):
        propose("mixed", [one, two], Given())


def test_evidence_is_a_comment_whatever_the_texts_hold(tmp_path: Path) -> None:
    path = plain_csv(tmp_path, lambda n: [n, "\x07 # : \u2028" if n == 3 else n], "id,odd\x07name")
    text = render(propose("odd", [path], Given()))
    facts = yaml.safe_load(text)
    assert facts["keys"] == ["id"]
    assert [c["header"] for c in facts["columns"] if "header" in c] == ["odd\x07name"]
