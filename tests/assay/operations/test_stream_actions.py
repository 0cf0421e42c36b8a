"""What the form of streams has done: what its commands do, by the role of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from assay.errors import BatchError, SettingsError, StackError
from assay.ledger.actions import StreamAction
from assay.operations import stream_actions
from assay.operations.stream_actions import act_on_streams
from assay.settings import Settings
from builders.stream_slices import DATASET, record_file

if TYPE_CHECKING:
    from conftest import Database

Connection = psycopg.Connection[Any]


def do(settings: Settings, loader: Connection, action: StreamAction, **named: str) -> str:
    return act_on_streams(settings, loader, action, named, "ada", "a test")


def rejected(loader: Connection) -> list[Any]:
    return loader.execute("SELECT rejected IS NOT NULL FROM ops.stream_slice").fetchall()


def test_a_slice_is_rejected_and_readmitted(
    settings: Settings, loader: Connection, database: Database
) -> None:
    taken = record_file(settings, database, ["a", "b"])
    told = do(settings, loader, "reject", dataset=DATASET, slice="by_stream.csv")
    assert taken.slice_id in told
    assert rejected(loader) == [(True,)]
    do(settings, loader, "readmit", dataset=DATASET, slice=taken.slice_id[:8])
    assert rejected(loader) == [(False,)]
    with pytest.raises(BatchError, match="'another' is"):
        do(settings, loader, "reject", dataset=DATASET, slice="another")


def test_streams_are_asked_to_stop_though_nobody_can_tell_airflow(
    settings: Settings, loader: Connection
) -> None:
    with pytest.raises(StackError, match=r"are stopped, but Airflow .* never started"):
        do(settings, loader, "stop", pipeline=DATASET)
    with pytest.raises(StackError, match="never started"):
        do(settings, loader, "start", pipeline=DATASET)


def test_skip_asks_kafka_before_it_takes_the_stream(
    settings: Settings, loader: Connection, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_actions, "dsn", lambda settings, role: database.uri(role))
    with pytest.raises(StackError, match="there is no Kafka"):
        do(settings, loader, "skip", dataset=DATASET)
    assert loader.execute("SELECT FROM ops.stream").fetchall() == [], "no stream is taken for it"


@pytest.mark.parametrize(
    ("action", "named", "says"),
    [
        ("start", {}, "start needs pipeline and nothing else; given: none"),
        ("stop", {"pipeline": "trades", "dataset": "trades"}, "stop needs pipeline and nothing"),
        (
            "reject",
            {"dataset": "trades", "slice": ""},
            "needs dataset and slice .*dataset='trades'",
        ),
        ("skip", {"dataset": "trades", "slice": "x"}, "skip needs dataset and nothing else"),
    ],
)
def test_what_is_missing_or_needless_is_named(
    settings: Settings, loader: Connection, action: StreamAction, named: dict[str, str], says: str
) -> None:
    with pytest.raises(SettingsError, match=says):
        do(settings, loader, action, **named)
