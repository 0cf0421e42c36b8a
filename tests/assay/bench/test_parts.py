"""Parts run in a home of their own that is gone afterwards, whatever becomes of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from assay.bench import parts
from assay.bench.figures import PartResult, Ratio
from assay.bench.parts import MEASURES, Part, run_parts, write_results
from assay.bench.workbench import Workbench
from assay.cli import bench as command
from assay.errors import StackError
from assay.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"ASSAY_HOME": str(tmp_path / "home")})


def measure_well(bench: Workbench) -> PartResult:
    truth = bench.truth
    if bench.base.jars.is_dir():
        bench.share_spark(bench.settings)
    return PartResult("start", ratios=[Ratio("files", [len(truth.files)], [4.0], goal=0.5)])


def measure_badly(bench: Workbench) -> PartResult:
    bench.settings.logs.mkdir()
    log = bench.settings.logs / "job.log"
    log.write_text("the whole story")
    raise StackError(f"the job failed (all of it: {log})")


def test_every_part_has_its_measure() -> None:
    assert [*MEASURES] == [*Part]


def test_a_part_that_cannot_run_says_why_and_the_others_go_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(parts.MEASURES, Part.dag, measure_badly)
    monkeypatch.setitem(parts.MEASURES, Part.start, measure_well)

    failed, measured = run_parts(settings, [Part.start, Part.dag], 2, 100, lambda line: None)

    kept = settings.home / "bench" / "logs" / "job.log"
    assert failed == PartResult("dag", trouble=f"the job failed (all of it: {kept})")
    assert kept.read_text() == "the whole story"
    assert measured.ratios[0].value == 0.5


def test_the_home_of_the_bench_is_removed_and_what_it_shares_is_not(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("jars", "java"):
        (settings.home / name).mkdir(parents=True)
    (settings.jars / "delta.jar").touch()
    monkeypatch.setitem(parts.MEASURES, Part.start, measure_well)

    run_parts(settings, [Part.start], 2, 100, lambda line: None)

    assert not list((settings.home / "bench").glob("run-*"))
    assert (settings.jars / "delta.jar").exists()


def test_results_are_kept_after_each_part(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(parts.MEASURES, Part.dag, measure_badly)
    monkeypatch.setitem(parts.MEASURES, Part.start, measure_well)
    kept: list[list[str]] = []

    def keep(results: Sequence[PartResult]) -> None:
        kept.append([result.part for result in results])

    run_parts(settings, [Part.start, Part.dag], 2, 100, lambda line: None, keep)

    assert kept == [["dag"], ["dag", "start"]]


def test_results_are_kept_with_machine_and_size(tmp_path: Path) -> None:
    path = tmp_path / "bench" / "now.json"

    facts = write_results(path, {"cores": "2"}, [PartResult("dag")], files=200, rows=10_000)

    assert json.loads(path.read_text()) == facts
    assert (facts["files"], facts["rows"], facts["machine"]) == (200, 10_000, {"cores": "2"})


def test_the_command_shows_the_ratios_and_exits_with_1_when_a_part_could_not_run(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(settings.home))
    monkeypatch.setitem(parts.MEASURES, Part.dag, measure_badly)
    monkeypatch.setitem(parts.MEASURES, Part.start, measure_well)
    app = Typer()
    command.register(app)

    done = CliRunner().invoke(app, ["start", "dag", "--files", "2", "--rows", "100"])

    assert done.exit_code == 1
    assert "0.50x" in done.output
    assert "dag could not run: the job failed" in " ".join(done.output.split())
    assert len(list((settings.home / "bench").glob("*.json"))) == 1
