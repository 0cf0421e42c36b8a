"""A proposal is written whole or not at all, and never over what is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from assay.cli.dataset import app
from assay.contracts.folders import dataset_names
from assay.contracts.load import load_contract
from assay.contracts.pipelines import all_pipelines, pipeline_carrying
from assay.errors import AssayError, ContractError, SampleError
from assay.profile import home
from assay.profile.given import Given
from assay.profile.home import require_free, with_entry, write_dataset
from assay.profile.proposal import propose
from assay.settings import PIPELINES
from builders.sample_files import european_csv


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of contracts beside the repository's own."""
    folder = tmp_path / "feeds"
    monkeypatch.setenv("ASSAY_DATASETS", str(folder))
    all_pipelines.cache_clear()
    yield folder
    all_pipelines.cache_clear()
    load_contract.cache_clear()


def assay(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    if done.exception and isinstance(done.exception, AssayError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_dataset_is_made_listed_and_shown(outside: Path, tmp_path: Path) -> None:
    path = european_csv(tmp_path)
    made = json.loads(
        assay("new", "kunden", "--from", str(path), "--owner", "accounts", "--samples", "--json")
    )
    files = [outside / "kunden" / "dataset.yaml", outside / "pipelines.yaml"]
    kept = outside / "kunden" / "samples" / path.name
    assert made["written"] == [*map(str, files), str(kept)]
    assert kept.read_bytes() == path.read_bytes()
    assert "kunden" in dataset_names()
    assert pipeline_carrying("kunden").owner == "accounts"
    listed = {each["dataset"]: each for each in json.loads(assay("list", "--json"))}
    assert listed["kunden"]["serving"] == "serving.kunden"
    assert listed["trades"]["gold"] == 2
    shown = json.loads(assay("show", "kunden", "--json"))
    assert (shown["key"], shown["source"]["patterns"]) == (["kunden_nr"], ["*.csv"])
    told = assay("show", "kunden")
    assert "Betrag (EUR)" in told
    assert "decimal(12,2)" in told
    with pytest.raises(AssayError, match=r"no dataset 'kunde'; did you mean kunden\?"):
        assay("show", "kunde")


def test_nothing_is_written_over(outside: Path, tmp_path: Path) -> None:
    path = european_csv(tmp_path)
    assay("new", "kunden", "--from", str(path))
    before = {file: file.read_bytes() for file in outside.rglob("*") if file.is_file()}
    with pytest.raises(SampleError, match="there is a dataset kunden already"):
        assay("new", "kunden", "--from", str(path))
    assert {file: file.read_bytes() for file in outside.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize(
    ("name", "pipeline", "told"),
    [
        ("trades", None, "there is a dataset trades already"),
        ("finance", None, "there is a pipeline finance already; say --pipeline finance"),
        ("stock_prices", None, "a table or view of the name stock_prices"),
        ("events", None, "a table or view of the name events"),
        ("daily_returns", None, "a table or view of the name daily_returns"),
        ("Orders", None, "'Orders' is no name"),
        ("x; drop", None, "is no name"),
        ("orders", "cross_dataset_gold", "--pipeline cross_dataset_gold: takes releases"),
        ("orders", "Fin", "is no name"),
    ],
)
def test_a_name_that_is_taken_is_refused(name: str, pipeline: str | None, told: str) -> None:
    with pytest.raises(SampleError, match=told):
        require_free(name, pipeline)


def test_a_dataset_outside_is_in_no_pipeline_of_the_repository(outside: Path) -> None:
    with pytest.raises(SampleError, match="--pipeline finance: is in"):
        require_free("orders", "finance")


def test_an_entry_leaves_all_else_of_the_file_as_it_is(tmp_path: Path) -> None:
    proposal = propose("kunden", [european_csv(tmp_path)], Given(owner="no"))
    before = PIPELINES.read_text()
    joined = with_entry(proposal, "finance", "0 4 * * *")
    assert joined == before.replace("[stocks, mutual_funds]", "[stocks, mutual_funds, kunden]")
    new = with_entry(proposal, "accounts", "5 4 * * *")
    assert new.startswith(before)
    assert yaml.safe_load(new)["accounts"] == {
        "trigger": "files",
        "datasets": ["kunden"],
        "schedule": "5 4 * * *",
        "owner": "no",
    }


def test_an_unsound_proposal_leaves_no_file(outside: Path, tmp_path: Path) -> None:
    proposal = propose("kunden", [european_csv(tmp_path)], Given())
    with pytest.raises(ContractError, match=r"kunden\.schedule: 'daily'"):
        write_dataset(proposal, "kunden", "daily", [])
    assert not outside.exists()


def test_a_sample_is_small(outside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = european_csv(tmp_path)
    monkeypatch.setattr(home, "MOST_SAMPLE_BYTES", 99)
    with pytest.raises(SampleError, match="files of up to 99 bytes"):
        write_dataset(propose("kunden", [path], Given()), "kunden", "0 4 * * *", [path])
    assert not outside.exists()


def test_the_same_name_in_both_places_is_an_error(outside: Path) -> None:
    (outside / "trades").mkdir(parents=True)
    (outside / "trades" / "dataset.yaml").write_text("owner: me\n")
    load_contract.cache_clear()
    with pytest.raises(ContractError, match=r"trades has two contracts: .*feeds.*; rename one"):
        load_contract("bronze", "trades")
