"""`assay generate` for every dataset: where it writes, what it prints, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assay.cli.generate import app
from assay.generate.recipes import generated_datasets
from assay.generate.truth import read_truth


@pytest.mark.parametrize("dataset", generated_datasets())
def test_the_command_writes_below_the_home_and_prints_json(
    dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    done = CliRunner().invoke(app, [dataset, "--files", "2", "--rows", "50", "--json"])
    assert done.exit_code == 0, done.output
    made = read_truth(tmp_path / "truth" / f"{dataset}.json")
    assert json.loads(done.stdout) == made.summary
    names = {path.name for path in (tmp_path / "landing" / dataset).iterdir()}
    assert names == {file.name for file in made.files}
    assert len(names) == 2


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["trades", "--rows", "0"], "rows=0"),
        (["trades", "--shape", "mixed"], "shape=mixed"),
        (["ecommerce_events", "--customers", "10000"], "customers=10000"),
    ],
)
def test_the_command_names_a_bad_option(arguments: list[str], named: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert named in done.output


def test_help_gives_the_defaults_of_each_shape() -> None:
    done = CliRunner().invoke(app, ["ecommerce_events", "--help"], env={"COLUMNS": "300"})
    text = " ".join(done.output.split())
    assert "shape activity: files 201, rows 75" in text
    assert "shape storefront: files 20, rows 100" in text
