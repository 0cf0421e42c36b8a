"""The doctor names what is missing, and how to get it."""

from __future__ import annotations

import dataclasses
import json
import os

import pytest
import typer
from typer.testing import CliRunner

from assay.cli.stack import register
from assay.settings import Settings
from assay.spark_runtime.jars import locked_jars
from assay.storage.finding import Finding
from assay_stack.doctor import examine

app = typer.Typer()
register(app)


def finding(settings: Settings, subject: str) -> Finding:
    return next(each for each in examine(settings) if each.subject == subject)


def test_a_machine_that_has_everything_is_well(settings: Settings) -> None:
    assert [each for each in examine(settings) if not each.ok] == []


def test_too_much_memory_for_spark_is_named_with_the_setting(settings: Settings) -> None:
    greedy = dataclasses.replace(settings, driver_memory="4000g")
    assert "ASSAY_DRIVER_MEMORY=" in finding(greedy, "memory").remedy


def test_a_damaged_jar_is_named(settings: Settings) -> None:
    settings.jars.mkdir()
    name = locked_jars("delta")[0].file_name
    (settings.jars / name).write_text("half")
    assert name in finding(settings, "jars").found
    assert not finding(settings, "jars").ok


def test_make_that_is_missing_is_named_with_the_package(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(settings.home))
    assert "apt install make" in finding(settings, "make").remedy


def test_the_command_exits_with_1_when_something_is_missing(settings: Settings) -> None:
    environ = {"ASSAY_HOME": str(settings.home), "PATH": os.environ["PATH"]}
    runner = CliRunner()
    well = runner.invoke(app, ["doctor", "--json"], env=environ)
    assert well.exit_code == 0, well.output
    assert all(each["ok"] for each in json.loads(well.stdout))
    ill = runner.invoke(app, ["doctor"], env={**environ, "ASSAY_DRIVER_MEMORY": "4000g"})
    assert ill.exit_code == 1
    assert "remedy: set ASSAY_DRIVER_MEMORY" in ill.stdout


def test_status_of_a_stack_that_never_ran_says_how_to_start_it(settings: Settings) -> None:
    result = CliRunner().invoke(app, ["status"], env={"ASSAY_HOME": str(settings.home)})
    assert result.exit_code == 1
    assert "make up" in result.stdout


def test_a_machine_too_small_for_a_warm_spark_is_told_of_the_classic_one(
    settings: Settings,
) -> None:
    assert finding(settings, "spark").ok
    grown = dataclasses.replace(settings, restart_at="4000g")
    assert "ASSAY_SPARK_MASTER=local[*]" in finding(grown, "spark").remedy
    assert finding(dataclasses.replace(grown, spark_master="local[2]"), "spark").ok
