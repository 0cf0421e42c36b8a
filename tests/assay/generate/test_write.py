"""Generated sets of every dataset: their files against their truth, whatever makes them."""

from __future__ import annotations

import csv
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import pyarrow
import pytest

from assay.errors import SettingsError
from assay.generate.damage import DAMAGES
from assay.generate.recipes import generated_datasets, recipe_of
from assay.generate.truth import Truth, read_truth
from assay.generate.write import generate, remake_first
from assay.settings import CONTRACTS
from builders.deliveries import small
from builders.judged_files import Good, assert_true, judge, read_records

COMMITTED = sorted(CONTRACTS.glob("datasets/*/samples_truth.json"))
BROKEN = {
    "unclosed_quote": csv.Error,
    "latin1": UnicodeDecodeError,
    "truncated_gzip": EOFError,
    "unclosed_array": json.JSONDecodeError,
    "truncated_parquet": pyarrow.ArrowInvalid,
}


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_truth_is_what_the_files_say(made: Truth) -> None:
    assert_true(made, made.options.out)


def test_every_class_of_record_has_the_number_that_was_asked_for(made: Truth) -> None:
    assert (made.records, made.quarantined) == (3000, 300)
    # Few events have no id in the activity shape, most in others: a version of one is another.
    most_new = {"": 1950, "activity": 1960}.get(made.options.shape, 3000)
    assert 1950 <= made.classes["new"] <= most_new
    # A copy that comes after an equal version, as those of quotes are, is a version once more.
    assert made.classes["superseded"] + made.classes["duplicate"] <= 600 + 150
    assert made.classes["duplicate"] <= 150


def test_defects_are_spread_over_every_class_and_file(made: Truth) -> None:
    recipe = recipe_of(made.dataset)
    used = {layout.name for layout in map(layouts_of(made), range(1, made.options.files + 1))}
    fitting = [d for d in recipe.defects if not d.only or used & set(d.only)]
    assert set(made.reasons) == {reason for defect in fitting for reason in defect.reasons}
    assert all(file.quarantined in range(45, 56) for file in made.files)


def layouts_of(made: Truth) -> Any:
    return lambda number: recipe_of(made.dataset).layout_of(made.options, number)


def test_a_set_is_the_same_bytes_on_any_number_of_threads_and_size_of_query(
    made: Truth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.generate.write.RECORDS_PER_QUERY", 170)
    out = tmp_path / "landing"
    again = generate(made.dataset, dataclasses.replace(made.options, out=out), threads=1)
    assert bytes_of(out) == bytes_of(made.options.out)
    assert dataclasses.replace(again, options=made.options) == made


@pytest.mark.parametrize("dataset", generated_datasets())
def test_two_seeds_share_a_folder_but_no_file_and_no_content(dataset: str, tmp_path: Path) -> None:
    out = tmp_path / "landing"
    sets = [generate(dataset, small(dataset, out, files=3, rows=50, seed=seed)) for seed in (1, 2)]
    assert not {f.name for f in sets[0].files} & {f.name for f in sets[1].files}
    hashes = [
        {
            verdict.row_hash
            for file in one.files
            for record in read_records(out / file.name)
            if isinstance(verdict := judge(dataset, record), Good)
        }
        for one in sets
    ]
    assert hashes[0]
    assert not hashes[0] & hashes[1]


def test_damaged_files_cannot_be_read_and_are_listed(made: Truth) -> None:
    forms = {layout.form for layout in recipe_of(made.dataset).layouts}
    expected = [name for name, damage in DAMAGES.items() if forms & set(damage.forms)]
    assert [file.damage for file in made.rejected] == expected
    assert not {file.name for file in made.rejected} & {file.name for file in made.files}
    for file in made.rejected:
        with pytest.raises(BROKEN[file.damage]):
            read_records(made.options.out / file.name)


def test_the_first_files_made_again_have_the_truth_of_their_own(
    made: Truth, tmp_path: Path
) -> None:
    first = remake_first(made, 2, tmp_path)
    assert first.files == made.files[:2]
    assert_true(first, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_the_truth_file_gives_the_truth_back(made: Truth) -> None:
    assert made.options.truth_path.parent == made.options.out.parent
    assert read_truth(made.options.truth_path) == made


def test_every_third_file_is_compressed_but_parquet(made: Truth) -> None:
    zipped = [int(f.name.split("_part_")[1][:3]) for f in made.files if f.name.endswith(".gz")]
    assert zipped == [n for n in (3, 6) if layouts_of(made)(n).form != "parquet"]


@pytest.mark.parametrize("dataset", generated_datasets())
def test_forty_thousand_records_take_seconds(dataset: str, tmp_path: Path) -> None:
    options = recipe_of(dataset).options(tmp_path / "landing", files=2, rows=20_000, seed=1)
    began = time.monotonic()
    assert generate(dataset, options).records == 40_000
    assert time.monotonic() - began < 15  # a row at a time would take minutes


@pytest.mark.parametrize("dataset", generated_datasets())
def test_files_appear_whole_under_a_dated_name(dataset: str, tmp_path: Path) -> None:
    out = tmp_path / "landing"
    seen: list[tuple[int, int]] = []

    def look(done: int, total: int) -> None:
        seen.append((done, total))
        final = [path for path in out.iterdir() if not path.name.startswith(".")]
        assert len(final) >= done
        assert all(len(read_records(path)) == 50 for path in final)

    generate(dataset, small(dataset, out, rows=50), progress=look)
    assert seen == [(done, 6) for done in range(1, 7)]
    days = [f"_2026-01-{day:02d}_s7_part_{n:03d}." for n, day in enumerate(range(1, 31, 5), 1)]
    names = sorted(path.name for path in out.iterdir())
    names.sort(key=lambda name: name.split("_part_")[1])
    assert all(
        day in name and name.startswith(dataset) for day, name in zip(days, names, strict=True)
    )


def test_a_failing_run_leaves_no_temporary_file(tmp_path: Path) -> None:
    def fail(done: int, total: int) -> None:
        raise RuntimeError(f"{done} of {total}")

    with pytest.raises(RuntimeError, match="1 of 6"):
        generate("trades", small("trades", tmp_path / "landing"), progress=fail, threads=1)
    assert not [path for path in (tmp_path / "landing").iterdir() if path.name.startswith(".")]
    assert not (tmp_path / "landing.truth.json").exists()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"files": 0}, "files=0"),
        ({"defects": 1.5}, "defects=1.5"),
        ({"defects": 0.5, "updates": 0.5}, "leave no plain record"),
        ({"rows": 1_000_000_000}, "at most"),
        ({"truth": Path("landing/t.json"), "out": Path("landing")}, "must lie outside"),
        ({"out": Path("s3a://bucket/landing")}, "must be a folder"),
        ({"dataset": "ecommerce_events", "shape": "app"}, "activity, storefront, mixed"),
        ({"dataset": "product_returns", "customers": 9001}, "customers=9001"),
        ({"shape": "storefront"}, "trades has other shapes: none"),
    ],
)
def test_contradictory_options_are_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        small(**{"dataset": "trades", "out": Path("landing"), **changes})


def test_a_dataset_without_a_generator_is_refused(trades: Truth) -> None:
    with pytest.raises(SettingsError, match="weather: no generator; there are "):
        generate("weather", trades.options)


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.parent.name)
def test_the_committed_samples_are_what_their_options_give(path: Path, tmp_path: Path) -> None:
    committed = read_truth(path)
    out = tmp_path / "landing"
    again = generate(committed.dataset, dataclasses.replace(committed.options, out=out, truth=None))
    delivered = path.with_name("samples")
    assert bytes_of(out) == {name: (delivered / name).read_bytes() for name in bytes_of(out)}
    assert dataclasses.replace(again, options=committed.options) == committed
    share = [file.quarantined / file.records for file in committed.files]
    assert max(share) <= 0.1, "a file that is delivered alone passes its gate"
