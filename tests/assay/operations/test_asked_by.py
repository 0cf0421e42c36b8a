"""Who asks: Airflow's user, who is proven, and the person whom a command names beside them."""

from __future__ import annotations

import getpass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from assay.batch.params import resolve_params
from assay.errors import SettingsError
from assay.operations import movements
from assay.operations.asked_by import ASKED_BY, LONGEST, for_person, person_at_terminal, who_asked

if TYPE_CHECKING:
    from conftest import Database


@pytest.mark.parametrize(
    ("conf", "who"),
    [
        (None, "admin"),
        ({}, "admin"),
        ({ASKED_BY: "ann"}, "admin for ann"),
        ({ASKED_BY: "admin"}, "admin"),
        ({ASKED_BY: "  "}, "admin"),
        ({ASKED_BY: None}, "admin"),
        ({ASKED_BY: "ann\n\0<b>"}, "admin for ann <b>"),
        ({ASKED_BY: ["ann"]}, "admin for ['ann']"),
        ({ASKED_BY: "a" * 200}, f"admin for {'a' * (LONGEST - 1)}…"),
    ],
)
def test_a_stated_name_stands_after_the_user_of_airflow(
    conf: dict[str, Any] | None, who: str
) -> None:
    assert who_asked("admin", conf) == who


def test_the_person_is_the_one_at_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    assert person_at_terminal() == getpass.getuser() == "ann"


def test_a_run_says_who_asked_and_its_params_do_not() -> None:
    from assay_airflow.attempts import params_of, person_of

    conf = for_person({"source": "waive", "movement_reason": "not ours"}, "ann")
    dag_run = SimpleNamespace(triggering_user_name="admin", conf=conf)
    # Airflow has merged `conf` into the params by the time that a task sees them.
    context = {"dag_run": dag_run, "params": {"dry_run": False, **conf}}
    assert person_of(context) == "admin for ann"
    assert resolve_params(params_of(context)).movement_reason == "not ours"
    with pytest.raises(SettingsError, match="'asked_by' is not a param"):
        resolve_params(conf)


def test_a_run_that_nobody_asked_for_is_that_of_airflow() -> None:
    from assay_airflow.attempts import person_of

    dag_run = SimpleNamespace(triggering_user_name=None, conf=None)
    assert person_of({"dag_run": dag_run}) == "airflow"


def test_movements_are_asked_for_by_a_person(database: Database) -> None:
    with database.connect(autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ops.batch (batch_id, pipeline, run_id, run_type, batch_date, state,"
            " source, generation) VALUES ('b1', 'trades', 'b1', 'manual', '2026-01-01',"
            " 'PUBLISHED', 'files', 1)"
        )
        connection.execute(
            "INSERT INTO ops.quarantine_row"
            " VALUES ('f:1', 'trades', 'b1', 1, 'f', 'x.csv', 1, '{a.missing}', '{}')"
        )
        asked = [
            movements.replay(connection, "trades", "ann"),
            movements.waive(connection, "trades", "ann", "not ours"),
        ]
    assert [request.conf[ASKED_BY] for request in asked] == ["ann", "ann"]
    assert {request.dag_id for request in asked} == {"trades"}
