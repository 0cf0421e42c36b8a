"""`assay stream`, on a real Postgres; where Airflow is a fake, the name of the test says so."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from threading import Thread
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from typer.testing import CliRunner

from assay.airflow_client import runs as airflow_runs
from assay.cli import stream as commands
from assay.cli.main import app, main
from assay.errors import SettingsError, StackError
from assay.ledger.stream_signs import Measured, beat, end_stream, tell_pace
from assay.ledger.streams import take_stream
from assay.operations import streams as operations
from assay.settings import Settings
from assay.streams.stopping import StopFile
from builders.ports import free_port
from builders.stream_slices import FILES, record_file

if TYPE_CHECKING:
    from conftest import Database

DATASET = "ecommerce_events"
PACE = Measured(99.5, 0.4, 0.6, 0.9, 120, 0.1, 0.2, 0.01)


@pytest.fixture
def books(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[psycopg.Connection[Any]]:
    """A home and books of the test's own; the connection is that of a stream."""
    monkeypatch.setattr(commands, "dsn", lambda settings, role: database.uri(role))
    monkeypatch.setenv("ASSAY_HOME", str(settings.home))
    monkeypatch.delenv("ASSAY_KAFKA", raising=False)
    with database.connect("assay_streamer", autocommit=True) as connection:
        yield connection


class FakeAirflow:
    """Answers as Airflow's API does; one that starts DAGs cannot be had in a test of seconds."""

    def __init__(self) -> None:
        self.paused: list[bool] = []
        self.active: list[list[str]] = []  # tasks, one list for each time that it is asked

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/taskInstances"):
            tasks = self.active.pop(0) if self.active else []
            return httpx.Response(200, json={"task_instances": [{"task_id": t} for t in tasks]})
        assert request.url.path == f"/api/v2/dags/{DATASET}_stream"
        if request.method == "PATCH":
            self.paused.append(json.loads(request.content)["is_paused"])
        return httpx.Response(200, json={})


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> FakeAirflow:
    fake = FakeAirflow()
    transport = httpx.MockTransport(fake.answer)
    client = httpx.Client(transport=transport, base_url="http://fake")
    monkeypatch.setattr(airflow_runs, "api_client", lambda _: client)
    monkeypatch.setattr(operations, "LOOK_SECONDS", 0.01)
    return fake


def invoke(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["stream", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def told() -> dict[str, Any]:
    (found,) = json.loads(invoke("status", "--json"))
    return dict(found)


def test_status_says_how_a_stream_is_until_its_end(
    books: psycopg.Connection[Any], settings: Settings
) -> None:
    assert json.loads(invoke("status", "--json")) == []
    epoch = take_stream(books, FILES, DATASET, "files", "host pid 7").epoch
    tell_pace(books, FILES, epoch, PACE)
    assert {
        "state": "running",
        "epoch": 1,
        "holder": "host pid 7",
        "lag": 0,
    }.items() <= told().items()
    beat(books, FILES, epoch, "OSError: No space left on device")
    beat(books, FILES, epoch)
    assert (told()["state"], told()["error"]) == ("waiting", "OSError: No space left on device")
    books.execute("UPDATE ops.stream SET seen_at = seen_at - interval '20 s'")
    assert told()["state"] == "silent"
    end_stream(books, FILES, epoch, "RuntimeError: no")
    assert told()["state"] == "failed"
    end_stream(books, FILES, epoch)
    assert told()["state"] == "stopped"


def test_status_counts_what_is_before_a_stream_and_what_is_live(
    books: psycopg.Connection[Any], settings: Settings, database: Database
) -> None:
    record_file(settings, database, ["a", "b"])
    landing = settings.landing / DATASET
    landing.mkdir(parents=True)
    for name in ("one.csv", "two.csv", ".hidden.csv", "three.part"):
        (landing / name).touch()
    found = told()
    counts = (found["lag"], found["live_records"], found["error_records"], found["parked"])
    assert counts == (2, 2, 0, 0)
    assert found["late_seconds"] is not None
    tell_pace(books, FILES, 1, PACE)
    head, row = invoke("status").splitlines()
    assert head.split()[:6] == ["stream", "state", "lag", "rate", "p95", "live"]
    assert row.split()[:7] == [FILES, "running", "2", "100/s", "0.6", "s", "2"]


def test_tail_prints_the_rows_that_come_and_none_that_were_there(
    books: psycopg.Connection[Any], settings: Settings, database: Database
) -> None:
    record_file(settings, database, ["before"])

    def later() -> None:
        time.sleep(0.8)
        record_file(settings, database, ["after"])

    thread = Thread(target=later)
    thread.start()
    printed = invoke("tail", DATASET, "--seconds", "2")
    thread.join()
    assert [json.loads(line)["event_id"] for line in printed.splitlines()] == ["after"]
    assert invoke("tail", DATASET, "--errors", "--seconds", "0.1") == ""


def test_start_and_stop_say_that_a_stack_was_never_started(
    books: psycopg.Connection[Any], settings: Settings
) -> None:
    with pytest.raises(StackError, match="was never started"):
        invoke("start", DATASET)
    with pytest.raises(
        StackError, match=r"are stopped, but Airflow .*_stream is on.* never started"
    ):
        invoke("stop", DATASET)


def test_while_postgres_is_away_a_stream_is_asked_to_stop_and_one_line_says_what_is_wrong(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(settings.home))
    port = free_port()
    (settings.home / "ports.json").write_text(json.dumps({"postgres": port, "airflow": port}))
    asked = StopFile.of(settings, DATASET)
    for command in (["status"], ["stop", DATASET]):
        monkeypatch.setattr(sys, "argv", ["assay", "stream", *command])
        with pytest.raises(SystemExit, match=r"^assay: Postgres: .*refused; see assay status$"):
            main()
    assert asked.is_asked()


def test_a_fake_airflow_is_told_to_start_and_to_stop_and_its_task_is_waited_for(
    books: psycopg.Connection[Any], settings: Settings, airflow: FakeAirflow
) -> None:
    assert invoke("start", DATASET).startswith("ecommerce_events_stream is on")
    assert airflow.paused == [False]
    airflow.active = [["stream_bronze"]] * 3
    asked = StopFile.of(settings, DATASET)
    assert invoke("stop", DATASET) == "the streams of ecommerce_events are stopped\n"
    assert (airflow.paused, airflow.active) == ([False, True], [])
    assert asked.is_asked()


def test_with_a_fake_airflow_stop_does_not_take_a_start_for_an_end(
    books: psycopg.Connection[Any], settings: Settings, airflow: FakeAirflow
) -> None:
    """The books say stopped while a task is queued, and later, while Spark starts."""
    airflow.active = [["stream_bronze"]] * 1000
    with pytest.raises(StackError, match=r"not stopped after 0 s: the task stream_bronze of"):
        operations.stop_streams(settings, books, DATASET, patience=0.05)
    airflow.active = []
    take_stream(books, FILES, DATASET, "files", "host pid 7")
    with pytest.raises(StackError, match=r"not stopped after 0 s: ecommerce_events.files;"):
        operations.stop_streams(settings, books, DATASET, patience=0.05)


def test_a_pipeline_without_streams_is_refused(
    books: psycopg.Connection[Any], airflow: FakeAirflow
) -> None:
    for command in ("start", "stop"):
        with pytest.raises(SettingsError, match="cross_dataset_gold"):
            invoke(command, "cross_dataset_gold")
    assert airflow.paused == []


@pytest.mark.parametrize(
    ("name", "extra"), [("finance", []), ("stocks", ["--only", "stocks"])]
)  # fmt: skip
def test_run_ends_as_a_small_process_in_the_place_of_spark_submit_does(
    books: psycopg.Connection[Any], name: str, extra: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []

    def command(settings: Settings, pipeline: str, *more: str) -> tuple[list[str], dict[str, str]]:
        given.extend([pipeline, *more])
        return [sys.executable, "-c", "raise SystemExit(5)"], {}

    monkeypatch.setattr(commands, "prepare_stream", lambda *_: None)
    monkeypatch.setattr(commands, "stream_command", command)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    done = CliRunner().invoke(app, ["stream", "run", name, "--seconds", "3"])
    for number, handler in before.items():
        signal.signal(number, handler)
    assert done.exit_code == 5, "a newer holder has taken it"
    assert given == ["finance", *extra, "--seconds", "3.0"]
