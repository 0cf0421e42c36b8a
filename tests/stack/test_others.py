"""In a container, the doctor says which other part is missing or not of our version."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from assay.settings import Settings
from assay_stack.doctor import examine
from assay_stack.others import gateway, judge_master, judge_probe, our_version
from builders.ports import free_port

WORKER = {"state": "ALIVE", "memory": 1024}


@pytest.fixture
def elsewhere(settings: Settings) -> Settings:
    """A container's settings, with nobody at the other end."""
    nobody = ("127.0.0.1", free_port())
    return dataclasses.replace(
        settings,
        postgres=nobody,
        airflow=nobody,
        spark_master="spark://nobody.invalid:7077",
        executor_memory="1g",
    )


def page(version: str) -> str:
    return f'<span class="version me-3">{version}</span>'


@pytest.mark.parametrize(
    ("version", "workers", "found", "remedy"),
    [
        ("4.1.0", [WORKER], "the master is 4.1.0", "make compose-up"),
        (None, [], "no worker", "--scale spark-worker=1"),
        (None, [{**WORKER, "state": "DEAD"}], "no worker", "--scale spark-worker=1"),
        (None, [{**WORKER, "memory": 1023}], "1023 MB", "ASSAY_EXECUTOR_MEMORY to 1023m"),
        (None, [WORKER, WORKER], "2 workers", ""),
    ],
)
def test_a_master_is_judged_by_version_and_workers(
    elsewhere: Settings, version: str | None, workers: list[dict[str, Any]], found: str, remedy: str
) -> None:
    judged = judge_master(elsewhere, page(version or our_version()), {"workers": workers})
    assert found in judged.found
    assert remedy in judged.remedy
    assert judged.ok == (not remedy)


def probed(**facts: object) -> str:
    return json.dumps({"version": our_version(), "tasks": {"a": 4}, "files": 4, **facts})


@pytest.mark.parametrize(
    ("output", "errors", "found", "ok"),
    [
        (probed(tasks={"a": 2, "b": 2}), "", "executors on 2 workers write", True),
        (probed(files=0, tasks={}), "", "executors wrote 4 files below", False),
        (probed(version="3.5.6"), "", "the server is 3.5.6", False),
        (probed(version="4.0.1"), "", "4.0.1, executors", True),
        ("", "x\njava.io.IOException: Mkdirs failed\n", "IOException: Mkdirs failed", False),
    ],
)
def test_a_lake_is_judged_by_what_executors_wrote(
    elsewhere: Settings, output: str, errors: str, found: str, ok: bool
) -> None:
    judged = judge_probe(elsewhere, 4, output, errors)
    assert found in judged.found
    assert judged.ok == ok


@pytest.mark.parametrize(
    ("master", "part"),
    [("spark://nobody.invalid:7077", "spark-master"), ("sc://127.0.0.1:9", "spark-connect")],
)
def test_parts_that_do_not_answer_are_named_with_the_remedy(
    elsewhere: Settings, master: str, part: str
) -> None:
    asked = dataclasses.replace(elsewhere, spark_master=master, spark_parameters="token=canary")
    found = {each.subject: each for each in examine(asked)}
    assert "make" not in found
    assert "canary" not in str(found)
    for subject, remedy in {
        "postgres": "docker compose logs postgres",
        "airflow": "docker compose ps",
        "spark": f"docker compose up -d {part}",
    }.items():
        assert remedy in found[subject].remedy, subject
    assert found["gateway"].ok, "nobody has asked for one"
    assert "--profile gateway" in found["gateway"].found


def test_a_gateway_that_is_there_and_takes_no_records_is_named(
    elsewhere: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.gateway.address.NAME_IN_CONTAINERS", "localhost")
    monkeypatch.setattr("assay.gateway.address.PORT_IN_CONTAINERS", free_port())
    monkeypatch.setattr("assay_stack.others.NAME_IN_CONTAINERS", "localhost")
    judged = gateway(elsewhere)
    assert not judged.ok
    assert "docker compose logs gateway" in judged.remedy
