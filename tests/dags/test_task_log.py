"""A task's log: sentences, or with ASSAY_LOG=json the facts beside each, of its job as well."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest
import structlog
from structlog.contextvars import clear_contextvars, merge_contextvars
from structlog.testing import capture_logs

from assay.events.event import Failed, Progress, StageFinished
from assay.events.sinks import emit
from assay_airflow.operators.spark_stage import SparkJobOperator
from assay_airflow.task_log import begin, relayed

JOB = """
from assay.events.event import StageFinished
from assay.events.sinks import emit
print('26/01/01 WARN Utils: a line of the JVM, with 100% of a core', flush=True)
print('26/01/01 WARN NativeCodeLoader: Unable to load native-hadoop library for your platform...')
print('WARNING: Using incubator modules: jdk.incubator.vector', flush=True)
print('{"timestamp": not an object of ours')
emit(StageFinished('b1', 'ingest_bronze', '10 rows; 100% new', 1.5, 3))
"""


@pytest.fixture(autouse=True)
def nothing_bound() -> None:
    clear_contextvars()


def log_of(run: str) -> list[dict[str, Any]]:
    """What a task logs that emits an event, and relays the output of a real job."""
    with capture_logs(processors=[merge_contextvars]) as entries:
        begin(batch="b1", run=run, task="ingest_bronze", epoch=41, datasets=["trades"])
        emit(Progress("the job starts"))
        job = subprocess.run(
            [sys.executable, "-c", JOB], capture_output=True, text=True, check=True
        )
        for line in relayed(job.stdout.splitlines()):
            structlog.get_logger("the hook of Spark").info(line)
        emit(Failed("BatchError", "two\nlines"))
    clear_contextvars()
    return [dict(entry) for entry in entries]


def test_text_is_what_it_always_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_LOG", raising=False)
    assert log_of("r1") == [
        {"event": "the job starts", "log_level": "info"},
        {
            "event": "26/01/01 WARN Utils: a line of the JVM, with 100% of a core",
            "log_level": "info",
        },
        {"event": '{"timestamp": not an object of ours', "log_level": "info"},
        {"event": "ingest_bronze b1: 10 rows; 100% new", "log_level": "info"},
        {"event": "two", "log_level": "error"},
        {"event": "lines", "log_level": "error"},
    ]


def test_json_has_the_facts_at_the_top_of_every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_LOG", "json")
    keys = {
        "batch": "b1",
        "run": "r1",
        "task": "ingest_bronze",
        "epoch": 41,
        "dataset": "trades",
    }
    started, of_jvm, cut_off, finished, failed = log_of("r1")
    assert started == {
        "event": "the job starts",
        "kind": "Progress",
        "log_level": "info",
        **keys,
    }
    for line in (of_jvm, cut_off):
        assert line == {"event": line["event"], "log_level": "info", **keys}
    own = {"kind": "StageFinished", "stage": "ingest_bronze", "summary": "10 rows; 100% new"}
    assert finished == {
        "event": str(StageFinished("b1", "ingest_bronze", own["summary"], 1.5, 3)),
        "log_level": "info",
        "seconds": 1.5,
        "queries": 3,
        **own,
        **keys,
    }
    assert failed["event"] == "two\nlines"
    assert failed.items() >= {**keys, "error": "BatchError", "log_level": "error"}.items()
    assert "sentence" not in failed, "told twice"


def test_command_is_logged_without_its_settings_and_run_with_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ASSAY_SPARK", "spark://local")
    operator = SparkJobOperator(task_id="t", stage="ingest_bronze", program="run_stage.py")
    operator.conf = {"spark.a": "1", "spark.b": "2"}
    operator.application_args = ["plan.json", "7"]
    hook = operator._get_hook()
    command = hook._build_spark_submit_command("run_stage.py")
    assert [*pairwise(command)].count(("--conf", "spark.b=2")) == 1
    logged = hook._mask_cmd(command)
    assert "--conf" not in logged
    assert "spark.a" not in logged
    assert "run_stage.py plan.json 7 (2 settings of Spark left out" in logged
    assert hook._mask_cmd("a line with password=x") != "a line with password=x", "still masked"
