"""What follows from the kind of a batch's input, and how a plan keeps it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, get_args

import pytest

from assay.batch.input_kind import Movement
from assay.batch.inputs import INPUTS, Input, Patch, Rebuild, Releases, Replay, Slices, Waiver
from assay.batch.plan import GatePolicy, Plan, read_plan, write_plan
from assay.batch.slices import FileSlice, Slice

FILE = FileSlice("trades", "csv", "ab" * 32, "/x/a.csv", "a.csv", 3, 120, ["TradeId"])
FILE_OF_BEFORE = {
    "dataset": "trades",
    "format": "csv",
    "file_id": "ab" * 32,
    "path": "/x/a.csv",
    "source_file": "a.csv",
    "records": 3,
    "size_bytes": 120,
    "header": ["TradeId"],
}
EMPTY = dataclasses.replace(FILE, records=0)
MOVEMENT = Movement("ann", "the desk corrected it", only_reason="record.malformed")
KINDS: list[Input] = [
    Slices([FILE]),
    Patch([FILE], MOVEMENT),
    Rebuild(["b1", "b2"]),
    Replay(MOVEMENT),
    Waiver(MOVEMENT),
    Releases({"trades": 7}),
]
HOW = {Patch: "patched", Replay: "replayed", Waiver: "waived"}
SPARK = ("ingest_bronze", "build_silver", "build_gold", "stage", "commit")


def plan_of(given: Input, folder: Path, *, commit: bool = True) -> Plan:
    return Plan(
        batch_id="b3",
        pipeline="trades",
        datasets=["trades"],
        run_id="r",
        batch_date="2026-01-01",
        input=given,
        active=["trades"],
        commit=commit,
        generation=1,
        gate_policy=GatePolicy(),
        folder=str(folder),
        lake="/x",
        bronze_lake="/x",
    )


@pytest.mark.parametrize("given", KINDS, ids=lambda given: type(given).__name__)
def test_a_plan_is_read_as_it_was_written(given: Input, tmp_path: Path) -> None:
    plan = plan_of(given, tmp_path)
    assert read_plan(write_plan(plan)) == plan


@pytest.mark.parametrize("given", KINDS, ids=lambda given: type(given).__name__)
def test_a_plan_of_before_kinds_were_told_apart_is_read_as_the_same(
    given: Input, tmp_path: Path
) -> None:
    facts: dict[str, Any] = dataclasses.asdict(plan_of(given, tmp_path))
    del facts["input"]
    moved = dataclasses.asdict(MOVEMENT) | {"how": HOW.get(type(given))}
    facts |= {
        "inputs": facts.pop("active"),
        "source": given.source,
        "files": [FILE_OF_BEFORE] if isinstance(given, Slices) else [],
        "rebuild_batches": given.batches if isinstance(given, Rebuild) else [],
        "silver_versions": given.versions if isinstance(given, Releases) else {},
        "movement": moved if type(given) in HOW else None,
    }
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(facts))
    assert read_plan(path) == plan_of(given, tmp_path)


@pytest.mark.parametrize(
    ("given", "kind"), [(Slices([FILE]), "files"), (Patch([FILE], MOVEMENT), "patch")]
)
def test_a_plan_of_before_slices_is_read_as_the_same(
    given: Input, kind: str, tmp_path: Path
) -> None:
    path = write_plan(plan_of(given, tmp_path))
    facts: dict[str, Any] = json.loads(path.read_text())
    del facts["input"]["slices"]
    facts["input"] |= {"kind": kind, "files": [{**FILE_OF_BEFORE, "slice_date": "2026-01-01"}]}
    path.write_text(json.dumps(facts))
    read = read_plan(path)
    assert read.slices == [dataclasses.replace(FILE, slice_date="2026-01-01")]
    assert (type(read.input), read.movement) == (type(given), plan_of(given, tmp_path).movement)
    assert read.input.identity() == given.identity()


def test_a_plan_names_the_kind_of_each_slice(tmp_path: Path) -> None:
    facts = json.loads(write_plan(plan_of(Slices([FILE]), tmp_path)).read_text())
    assert facts["input"]["kind"] == "slices"
    assert [taken["kind"] for taken in facts["input"]["slices"]] == ["file"]
    assert facts["input"]["slices"][0]["slice_id"] == FILE.slice_id


@pytest.mark.parametrize(
    ("given", "needed"),
    [
        (Slices([FILE]), SPARK),
        (Slices([EMPTY]), ()),
        (Patch([FILE], MOVEMENT), SPARK),
        (Rebuild(["b1"]), SPARK[1:]),
        (Rebuild([]), ()),
        (Replay(MOVEMENT), SPARK[1:]),
        (Waiver(MOVEMENT), ()),
        (Releases({"ecommerce_events": 7, "product_returns": 9}), SPARK[2:]),
        (Releases({}), ()),
    ],
)
def test_a_batch_goes_through_the_stages_that_its_input_needs(
    given: Input, needed: tuple[str, ...]
) -> None:
    plan = plan_of(given, Path("/x"))
    if isinstance(given, Releases):  # gold that is made of the datasets of several pipelines
        plan = dataclasses.replace(plan, pipeline="cross_dataset_gold", datasets=[*given.versions])
    assert tuple(stage for stage in SPARK if plan.needs(stage)) == needed
    tried = plan_of(given, Path("/x"), commit=False)
    assert not any(tried.needs(stage) for stage in ("stage", "commit"))


def test_what_identifies_an_input_is_what_it_is_made_from() -> None:
    """Of a patch and of the same files, and of all that only moves rows, it is the same."""
    assert Patch([FILE], MOVEMENT).identity() == Slices([FILE]).identity()
    assert Replay(MOVEMENT).identity() == Waiver(MOVEMENT).identity() == Slices([]).identity()
    assert len({given.identity() for given in KINDS}) == 4
    assert Slices([FILE, EMPTY]).identity() == Slices([EMPTY, FILE]).identity()
    assert Rebuild(["b1", "b2"]).identity() != Rebuild(["b2", "b1"]).identity()


def test_a_kind_that_is_told_in_plans_is_one_that_a_batch_may_have() -> None:
    assert {*INPUTS.values()} == {*get_args(Input)}
    assert {type(given) for given in KINDS} == {*INPUTS.values()}


@dataclasses.dataclass(frozen=True)
class Found:
    """What a run finds, and what of that it has looked for."""

    asked: list[str]

    def slices(self) -> list[Slice]:
        self.asked.append("slices")
        return [FILE]

    def movement(self) -> Movement:
        self.asked.append("movement")
        return MOVEMENT

    def batches_in_bronze(self) -> list[str]:
        self.asked.append("bronze")
        return ["b1", "b2"]

    def released_silver(self) -> dict[str, int]:
        self.asked.append("silver")
        return {"trades": 7}


@pytest.mark.parametrize(
    ("given", "asked", "told"),
    zip(
        KINDS,
        [["slices"], ["slices", "movement"], ["bronze"], ["movement"], ["movement"], ["silver"]],
        [
            "1 file, 3 records accepted",
            "1 file, 3 records accepted",
            "rebuild from 2 batches in bronze",
            "5 quarantined rows to be judged anew",
            "5 quarantined rows to be waived",
            "from silver.trades@7",
        ],
        strict=True,
    ),
)
def test_a_run_looks_up_what_its_input_is_made_from_and_no_more(
    given: Input, asked: list[str], told: str
) -> None:
    found = Found([])
    assert type(given).resolve(found) == given
    assert found.asked == asked
    assert given.describe(["trades"], lambda: 5) == told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (Slices([]), "nothing new"),
        (Slices([EMPTY]), "no record in 1 file"),
        (Rebuild([]), "nothing new"),
        (Replay(MOVEMENT), "nothing in quarantine matches"),
        (Waiver(MOVEMENT), "nothing in quarantine matches"),
        (Releases({}), "nothing new"),
    ],
)
def test_an_input_with_nothing_in_it_makes_an_empty_batch(given: Input, told: str) -> None:
    plan = dataclasses.replace(plan_of(given, Path("/x")), active=[])
    assert plan.is_empty
    assert given.describe([], lambda: 0) == told


def test_a_batch_that_gives_rows_up_has_no_work_for_a_stage_and_is_not_empty() -> None:
    plan = plan_of(Waiver(MOVEMENT), Path("/x"))
    assert (plan.has_work, plan.gives_up_rows, plan.is_empty) == (False, True, False)
