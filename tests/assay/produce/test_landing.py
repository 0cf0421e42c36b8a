"""Files are there whole or not at all, and the truth file says what is in them."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assay.cli.main import app
from assay.contracts.load import load_contract
from assay.errors import AssayError, SettingsError
from assay.generate.recipes import generated_datasets, recipe_of
from assay.intake.header import is_known, known_names, match_header
from assay.produce.events import Piece
from assay.produce.landing import Landing
from builders.produced import Run


def files_of(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_files_hold_the_events_of_the_truth_file(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "landing"
    done, truth = run(Landing(folder, "run", stamp=False))
    rows = [row for path in files_of(folder) for row in csv.reader(path.open())][0:]
    header = rows[0]
    records = [row for path in files_of(folder) for row in list(csv.reader(path.open()))[1:]]
    assert len(files_of(folder)) == 12
    assert done.sent == len(records) == len(truth) == 300
    assert [each["position"] for each in truth] == list(range(300))
    assert done.unknown == 0
    assert done.classes == Counter(each["class"] for each in truth)
    assert done.classes["quarantined"] == 30
    at = header.index("event_id")
    for record, told in zip(records, truth, strict=True):
        assert told["reasons"] or record[at] in ("", told["id"])
        assert bool(told["reasons"]) == (told["class"] == "quarantined")
    good = [each["id"] for each in truth if each["class"] == "new"]
    assert len(good) == len(set(good))
    assert {each["id"] for each in truth if each["class"] == "duplicate"} <= set(good)


def test_the_same_seed_makes_the_same_events(tmp_path: Path, run: Run) -> None:
    _, first = run(Landing(tmp_path / "one", "run", stamp=False))
    _, second = run(Landing(tmp_path / "two", "run", stamp=False))
    _, other = run(Landing(tmp_path / "three", "run", stamp=False), seed=12)
    for made in (first, second, other):
        for each in made:
            del each["produced_at"]
    contents = [[p.read_bytes() for p in files_of(tmp_path / name)] for name in ("one", "two")]
    assert contents[0] == contents[1]
    assert first == second != other


def test_the_stamp_is_a_column_that_contracts_do_not_know(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "landing"
    _, truth = run(Landing(folder, "run", stamp=True))
    records = [row for path in files_of(folder) for row in csv.DictReader(path.open())]
    stamps = {each["produced_at"] for each in truth}
    whole = [each for each in records if each["produced_at"] not in (None, "produced_at")]
    assert len(whole) > 290
    assert {each["produced_at"] for each in whole} <= stamps
    header = files_of(folder)[0].read_text().splitlines()[0].split(",")
    bronze = load_contract("bronze", "ecommerce_events")
    assert match_header(header, bronze)
    assert [name for name in header if not is_known(name, known_names(bronze))] == ["produced_at"]


@pytest.mark.parametrize("dataset", generated_datasets())
def test_every_dataset_with_a_generator_can_be_produced(
    tmp_path: Path, run: Run, dataset: str
) -> None:
    done, truth = run(Landing(tmp_path / "landing", "run", stamp=False), dataset, rows=40)
    assert done.sent == len(truth) == 120
    assert all(each["id"] for each in truth)
    assert {path.suffix for path in files_of(tmp_path / "landing")} <= {".csv", ".jsonl"}
    assert {reason for each in truth for reason in each["reasons"]} <= {
        reason for defect in recipe_of(dataset).defects for reason in defect.reasons
    }


class FullAfterTwo(Landing):
    """A landing folder that takes two files."""

    def send(self, events: Piece, made_us: int) -> None:
        if self.number == 2:
            raise SettingsError("no more")
        super().send(events, made_us)


class InterruptedAfterTwo(FullAfterTwo):
    """The same, when a person interrupts."""

    def send(self, events: Piece, made_us: int) -> None:
        if self.number == 2:
            raise KeyboardInterrupt
        super().send(events, made_us)


def test_what_a_failure_cuts_off_is_unknown_and_not_counted(tmp_path: Path, run: Run) -> None:
    with pytest.raises(AssayError, match="no more"):
        run(FullAfterTwo(tmp_path / "landing", "run", stamp=False))
    lines = (tmp_path / "truth.jsonl").read_text().splitlines()
    classes = [json.loads(line)["class"] for line in lines]
    assert len(classes) == 75
    assert "unknown" not in classes[:50]
    assert classes[50:] == ["unknown"] * 25


def test_an_interrupt_ends_a_run_in_order(tmp_path: Path, run: Run) -> None:
    done, truth = run(InterruptedAfterTwo(tmp_path / "landing", "run", stamp=False))
    assert done.interrupted
    assert (done.sent, done.unknown) == (75, 25) == (len(truth), 25)


def test_the_command_says_what_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    command = ["produce", "stocks", "--to", "landing", "--rate", "40", "--seconds", "1"]
    done = CliRunner().invoke(app, [*command, "--json"])
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["sent"] == 40
    assert sum(facts["classes"].values()) == 40
    landed = files_of(tmp_path / "home" / "landing" / "stocks")
    assert sum(len(path.read_text().splitlines()) for path in landed) == 40
    assert len(Path(facts["truth"]).read_text().splitlines()) == 40


def test_a_folder_that_takes_no_file_is_named(tmp_path: Path, run: Run) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"file takes no file .* --out"):
        run(Landing(tmp_path / "file", "run", stamp=False))
