"""Events: the same sentences for people as ever, and lines for programs that can be correlated."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from assay.batch.params import resolve_params
from assay.errors import SettingsError
from assay.events import event
from assay.events.context import VARIABLE, Correlation, about, bind, known
from assay.events.event import Event, FileLeft, FileRefused, Progress, Released, TableStaged
from assay.events.sinks import Lines, emit, gathered, sent_to
from assay.intake.accept import Run, accept_files, batch_id_of
from assay.intake.archive import archive_files
from assay.settings import load_settings
from builders.deliveries import age
from builders.ledger_rows import bring_to
from corpus.trades import HEADER, row, text

KEYS = {"batch", "run", "task", "epoch", "dataset"}
SECRET = "canary-5f0c"  # noqa: S105


@pytest.fixture(autouse=True)
def own_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Standard output as a program has it, and nothing known at first."""
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.delenv("ASSAY_LOG", raising=False)
    with sent_to(Lines()):
        yield


@pytest.fixture
def as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_LOG", "json")


def objects(lines: str) -> list[dict[str, Any]]:
    """Every line as the object that it must be."""
    return [json.loads(line) for line in lines.splitlines()]


def test_people_read_sentences_unless_they_ask_for_something_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for form in (None, "text"):
        if form:
            monkeypatch.setenv("ASSAY_LOG", form)
        emit(FileLeft("trades", "a.csv", "it changed a moment ago"))
        emit(TableStaged("gold.x", 1200, 0.26))
    told = (
        "left 'a.csv' in landing/trades for the next run: it changed a moment ago\n"
        "gold.x: staged 1,200 rows in 0.3 s\n"
    )
    assert capsys.readouterr() == (told * 2, "")
    Lines(to_error=True, mark="assay: ").write(Progress("waiting"), known())
    assert capsys.readouterr() == ("", "assay: waiting\n")


def test_another_form_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_LOG", "JSON")
    with pytest.raises(SettingsError, match="ASSAY_LOG='JSON' is neither text nor json"):
        load_settings(os.environ)


@pytest.mark.usefixtures("as_json")
def test_every_line_is_one_object_with_all_keys(capsys: pytest.CaptureFixture[str]) -> None:
    bind(Correlation("b1", "r1", "publish", 7, "stocks,mutual_funds"))
    emit(Progress("waiting"))
    emit(FileRefused("stocks", 'a\n"b\udcff.csv', "0" * 64, "rejected", "empty\nfile"))
    emit(Released("b0", 3, 0.5, {"silver.stocks": 4}, {"serving.stock_price": 9}))
    waiting, refused, released = objects(capsys.readouterr().out)
    assert [*waiting][:3] == ["timestamp", "level", "event"], "cannot be sorted as text"
    own = {"batch": "b1", "run": "r1", "task": "publish", "epoch": 7}
    rest = {k: v for k, v in waiting.items() if k != "timestamp"}
    assert rest == {
        "level": "info",
        "event": "waiting",
        "kind": "Progress",
        **own,
        "dataset": "stocks,mutual_funds",
    }
    # An event that knows its dataset, or its batch, better than the task does says so.
    assert refused.items() >= {**own, "dataset": "stocks", "reason": "empty\nfile"}.items()
    assert refused["source_file"] == 'a\n"b\udcff.csv'
    assert released.items() >= {**own, "batch": "b0", "versions": {"silver.stocks": 4}}.items()


@pytest.mark.usefixtures("as_json")
def test_a_program_that_knows_of_no_batch_has_the_keys_as_well(
    capsys: pytest.CaptureFixture[str],
) -> None:
    emit(Progress("the server has more than 5 MB: starting it anew"))
    (line,) = objects(capsys.readouterr().out)
    assert {key: line[key] for key in KEYS} == dict.fromkeys(KEYS)


@pytest.mark.usefixtures("as_json")
def test_children_inherit_what_their_parent_is_about_and_nothing_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SPARK_CONNECT_AUTHENTICATE_TOKEN", SECRET)
    monkeypatch.setenv("AIRFLOW_CONN_ASSAY_POSTGRES", f"postgresql://x:{SECRET}@localhost/assay")
    bind(Correlation("b1", "r1", "ingest_bronze", 41, "trades"))
    program = (
        "from assay.events.sinks import emit\n"
        "from assay.events.event import StageFinished\n"
        "emit(StageFinished('b1', 'ingest_bronze', '10 rows', 1.5, 3))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    (line,) = objects(done.stdout)
    assert {key: line[key] for key in KEYS} == dataclasses.asdict(known())
    assert line["event"] == "ingest_bronze b1: 10 rows"
    assert (line["kind"], line["seconds"], line["queries"]) == ("StageFinished", 1.5, 3)
    assert SECRET not in done.stdout + os.environ[VARIABLE]


def test_a_sentence_costs_no_import_of_structlog() -> None:
    """A launcher and a client start for each Spark stage; the import is a tenth of a second."""
    program = (
        "import sys\n"
        "from assay.events.sinks import emit\n"
        "from assay.events.event import Progress\n"
        "emit(Progress('x'))\n"
        "assert 'structlog' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_what_holds_for_a_block_ends_with_it() -> None:
    bind(Correlation("b1", "r1", "publish", 7, "trades"))
    with suppress(ZeroDivisionError), about(batch="b0", datasets=["stocks", "mutual_funds"]):
        assert known() == Correlation("b0", "r1", "publish", 7, "stocks,mutual_funds")
        raise ZeroDivisionError
    assert known() == Correlation("b1", "r1", "publish", 7, "trades")


def test_gathered_events_go_on_to_where_they_went(capsys: pytest.CaptureFixture[str]) -> None:
    with gathered() as events:
        emit(Progress("one"))
    emit(Progress("two"))
    assert events == [Progress("one")]
    assert capsys.readouterr().out == "one\ntwo\n"


def test_fields_of_events_do_not_take_the_names_that_every_line_has() -> None:
    """Only batch and dataset may be said more exactly; the others would hide what they are."""
    taken = {"timestamp", "level", "event", "kind", "logger", "run", "task", "epoch"}
    kinds = [kind for kind in vars(event).values() if isinstance(kind, type)]
    events = [kind for kind in kinds if issubclass(kind, Event)]
    assert len(events) > 12
    for kind in events:
        assert not {field.name for field in dataclasses.fields(kind)} & taken, kind


@pytest.mark.usefixtures("as_json")
def test_one_batch_is_followed_from_accept_to_archive(
    tmp_path: Path, database: Any, loader: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings({"ASSAY_HOME": str(tmp_path)})
    batch = batch_id_of("trades", "r1", "2026-01-01")
    for name, content in (("a.csv", text(HEADER, row(1))), ("b.csv", b"")):
        path = settings.landing / "trades" / name
        assert isinstance(path, Path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        age(path)
    bind(Correlation(batch, "r1", "accept_files", 1, "trades"))
    plan = accept_files(settings, database.connect, _run(batch))
    bring_to(loader, batch, "PUBLISHED")
    bind(Correlation(batch, "r1", "archive_files", 12, "trades"))
    archive_files(settings, loader, plan)

    lines = objects(capsys.readouterr().out)
    told = [(line["task"], line["epoch"], line["kind"]) for line in lines]
    assert told == [
        ("accept_files", 1, "FileRefused"),
        ("accept_files", 1, "PlanFrozen"),
        ("archive_files", 12, "FilesArchived"),
    ]
    assert {(line["batch"], line["run"], line["dataset"]) for line in lines} == {
        (batch, "r1", "trades")
    }
    refused, frozen, archived = lines
    assert (refused["source_file"], refused["verdict"]) == ("b.csv", "rejected")
    assert (frozen["files"], frozen["records"]) == (1, 1)
    assert frozen["event"] == "1 file, 1 record accepted; 1 rejected (empty file)"
    assert (archived["files"], archived["event"]) == (1, "1 file archived")


def _run(batch: str) -> Run:
    return Run("trades", ["trades"], "r1", "manual", batch, "2026-01-01", resolve_params({}))
