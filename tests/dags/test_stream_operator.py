"""The task of a stream: what it makes of the end of its application, and how it ends it."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest

from assay.kafka.access import login_file
from assay.settings import load_settings
from assay.spark_runtime import streaming
from assay.spark_runtime.launch import SparkLaunch

pytestmark = pytest.mark.usefixtures("dag_bag")  # which gives Airflow a home for the tests
WORD = "open sesame"
# Starts the driver, as the JVM does, and ends as it has: --seconds says with which code, or 0 after
# SIGTERM. It writes its pid down when it can be asked; of a stubborn one, nothing is heard.
LAUNCHER = """#!{python}
import subprocess, sys
program = sys.argv[sys.argv.index("--driver-memory") :][-4]
assert program.endswith("stream_bronze.py"), sys.argv
sys.exit(subprocess.call([sys.executable, "-c", {driver!r}, *sys.argv[-3:], program]))
"""
DRIVER = """
import os, pathlib, signal, sys, time
name, _, seconds, _ = sys.argv[1:]
heard = signal.SIG_IGN if name == "stubborn" else lambda *_: sys.exit(0)
signal.signal(signal.SIGTERM, heard)
pathlib.Path({there!r}).write_text(str(os.getpid()))
if name == "ends":
    sys.exit(int(seconds))
time.sleep(60)
"""


@dataclass(frozen=True)
class Site:
    """Where the small process in the place of spark-submit says that it is there."""

    launcher: Path
    there: Path

    def task(self, pipeline: str, code: int = 0) -> Any:
        from assay_airflow.operators.stream import StreamOperator

        return StreamOperator(task_id="stream_bronze", pipeline=pipeline, seconds=code)

    def driver(self) -> psutil.Process:
        deadline = time.monotonic() + 30
        while not (self.there.exists() and self.there.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return psutil.Process(int(self.there.read_text()))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    there, launcher = tmp_path / "driver.pid", tmp_path / "spark-submit"
    driver = DRIVER.format(there=str(there))
    launcher.write_text(LAUNCHER.format(python=sys.executable, driver=driver))
    launcher.chmod(0o755)
    job = SparkLaunch(str(launcher), {"spark.a": "b"}, {"ASSAY_HOME": str(tmp_path)}, "1g")
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_CONN_ASSAY_SPARK", '{"conn_type": "spark", "host": "local[2]"}')
    monkeypatch.setattr(streaming, "prepare_stream", lambda *_: None)
    monkeypatch.setattr(streaming, "launch_stream", lambda *_: job)
    return Site(launcher, there)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (3, "ends: its heap is full; raise ASSAY_STREAM_MEMORY"),
        (4, "ends: records of Kafka are lost; see `assay stream status`"),
        (5, "ends: a newer holder has taken one of its streams"),
    ],
)
def test_a_small_process_for_spark_submit_ends_with_what_a_person_must_help(
    site: Site, code: int, says: str
) -> None:
    from assay_airflow.endings import NeedsPerson

    with pytest.raises(NeedsPerson) as ended:
        site.task("ends", code).execute({})
    assert ended.value.sentence == says


def test_a_small_process_for_spark_submit_ends_well_or_is_tried_again(site: Site) -> None:
    from airflow.sdk.exceptions import AirflowException

    told = site.task("ends", 0).execute({})
    assert told == "ends: the streams have stopped, or hand over to the next run"
    with pytest.raises(AirflowException, match="Error code is: 1"):
        site.task("ends", 1).execute({})


@pytest.mark.parametrize(("name", "ends_well"), [("gentle", True), ("stubborn", False)])
def test_a_small_process_for_spark_submit_is_asked_to_end_and_killed_if_it_does_not(
    site: Site, name: str, ends_well: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay_airflow.operators import stream

    monkeypatch.setattr(stream, "GRACE_SECONDS", 1.0)
    task, ended = site.task(name), []

    def execute() -> None:
        try:
            ended.append(task.execute({}))
        except BaseException as error:  # noqa: BLE001  # whatever it is
            ended.append(error)

    thread = Thread(target=execute, daemon=True)
    thread.start()
    driver = site.driver()
    task.on_kill()
    if not ends_well:
        driver.kill()  # a real one dies with its parent
    thread.join(30)
    if ends_well:
        assert str(ended[0]).startswith("gentle: the streams have stopped")
        assert not driver.is_running()
    else:
        assert type(ended[0]).__name__ == "AirflowException", "killed, so it is tried again"


def test_a_task_that_is_killed_before_it_has_begun_has_nothing_to_end(site: Site) -> None:
    site.task("gentle").on_kill()


def test_the_login_of_kafka_is_left_in_a_file_that_only_its_owner_reads(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay_airflow.connections import use_kafka_login

    monkeypatch.setenv("ASSAY_KAFKA", "broker.example:9093")
    use_kafka_login()
    file = login_file(load_settings())
    assert not file.exists(), "without the connection there is none"
    extra = {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}
    facts = {"conn_type": "kafka", "login": "ada", "password": WORD, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_ASSAY_KAFKA", json.dumps(facts))
    use_kafka_login()
    assert file.stat().st_mode & 0o777 == 0o600
    known = json.loads(file.read_text())
    assert (known["user"], known["password"]) == ("ada", WORD)
    assert known["bootstrap_servers"] == "broker.example:9093"
    assert WORD not in str({**os.environ, "AIRFLOW_CONN_ASSAY_KAFKA": ""})
