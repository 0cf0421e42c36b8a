"""A file is judged where it lies, as accept_files would judge it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assay.cli.dataset import app
from assay.contracts.load import load_contract
from assay.errors import ContractError, SampleError, SettingsError
from assay.profile.against import accept_one
from assay.settings import REPOSITORY

BRONZE = load_contract("bronze", "product_returns")
HEADER = "return_id,order_id,sku,reason,qty,amount,return_date,ingest_ts"


def test_columns_that_are_new_and_those_that_are_gone_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{HEADER},colour\n1,2,3,other,1,1.00,2026-01-05,2026-01-05T10:00:00Z,red\n")
    found = accept_one(path, BRONZE)
    assert found.inspection
    assert (found.inspection.records, found.inspection.format) == (1, "csv")
    assert (found.unknown, found.absent) == (("colour",), ("customer_id",))
    assert path.exists()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", HEADER.replace("sku,", "") + "\n", "required column missing.*: sku"),
        ("a.csv", "", "empty file"),
        ("a.txt", HEADER, r"name is not \*\.csv"),
    ],
)
def test_a_file_that_would_be_rejected_has_its_reason(
    tmp_path: Path, name: str, content: str, reason: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    found = accept_one(path, BRONZE)
    assert found.inspection is None
    assert re.search(reason, found.reason)
    done = CliRunner().invoke(app, ["check", "product_returns", "--against", str(path)])
    assert done.exit_code == 1
    assert done.stdout.startswith("rejected: ")


def test_contracts_of_the_repository_are_sound() -> None:
    done = CliRunner().invoke(app, ["check"])
    assert (done.exit_code, done.stdout.partition(":")[0]) == (0, "sound")
    assert "product_returns" in done.stdout


def test_every_faulty_contract_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_DATASETS", str(tmp_path))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "dataset.yaml").write_text("owner: me\n")
    error = CliRunner().invoke(app, ["check"]).exception
    assert isinstance(error, ContractError)
    for name in ("one", "two"):
        assert f"{tmp_path / name / 'dataset.yaml'}:1: columns: is missing" in str(error)


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(SampleError, match=r"nothing\.csv: no such file"):
        accept_one(REPOSITORY / "nothing.csv", BRONZE)
    error = CliRunner().invoke(app, ["check", "trade"]).exception
    assert isinstance(error, SettingsError)
    assert "did you mean trades?" in str(error)
