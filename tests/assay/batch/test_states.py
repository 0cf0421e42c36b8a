"""One table of states: the ledger goes by it, the drawing shows it, and nothing else names them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from assay import ledger
from assay.batch.states import CLOSED, MOVES, OPEN, BatchState
from assay.errors import BatchError
from assay.settings import REPOSITORY
from builders.ledger_rows import bring_to, start_batch

if TYPE_CHECKING:
    from conftest import Database

Connection = psycopg.Connection[Any]
ARCHITECTURE = (REPOSITORY / "docs" / "architecture.md").read_text()
# The auditor has its own knowledge of states, and tasks have states of the same names.
OF_BATCHES_ALONE = [*{*BatchState} - {BatchState.RUNNING, BatchState.FAILED}]
EXEMPT = ("include/assay/verify/", "include/assay/batch/states.py")


def test_the_drawing_shows_the_moves_of_the_table_and_no_others() -> None:
    drawn = re.search(r"```mermaid\nstateDiagram-v2\n(.*?)```", ARCHITECTURE, re.DOTALL)
    assert drawn
    expected = [
        f"    {state} --> {following}: {when}"
        for state, moves in MOVES.items()
        for following, when in moves.items()
    ]
    assert drawn[1].splitlines() == ["    [*] --> RUNNING", *expected]


def test_the_page_says_what_every_state_means() -> None:
    section = ARCHITECTURE.split("## States of a batch")[1].split("\n## ")[0]
    named = [
        name for row in re.findall(r"^\| ([A-Z_, ]+) \|", section, re.M) for name in row.split(", ")
    ]
    assert sorted(named) == sorted(BatchState)


def test_postgres_knows_the_same_states(database: Database) -> None:
    with database.connect() as connection:
        ((check,),) = connection.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = 'ops.batch'::regclass AND conname = 'batch_state_check'"
        ).fetchall()
    assert sorted(re.findall(r"'([A-Z_]+)'::text", check)) == sorted(BatchState)


def test_no_other_module_spells_a_state() -> None:
    quoted = re.compile(f"['\"]({'|'.join(OF_BATCHES_ALONE)})['\"]")
    found = [
        f"{path.relative_to(REPOSITORY)}: {name}"
        for folder in ("include", "plugins")
        for path in sorted((REPOSITORY / folder).rglob("*.py"))
        if not str(path.relative_to(REPOSITORY)).startswith(EXEMPT)
        for name in quoted.findall(path.read_text())
    ]
    assert found == []


def test_every_state_can_be_reached_and_is_open_or_closed() -> None:
    assert {*MOVES} == {*BatchState} == {*OPEN, *CLOSED}
    reached = {BatchState.RUNNING, *(following for moves in MOVES.values() for following in moves)}
    assert reached == {*BatchState}
    for state in OPEN:
        assert {BatchState.ABANDONED, BatchState.ROLLED_BACK} & {*MOVES[state]}, "has no way out"


@pytest.mark.parametrize("state", BatchState)
def test_the_ledger_makes_the_moves_of_the_table_and_refuses_all_others(
    loader: Connection, state: BatchState
) -> None:
    for asked in BatchState:
        batch_id = f"{state}_{asked}"
        start_batch(loader, batch_id)
        bring_to(loader, batch_id, state)
        if asked in MOVES[state] or asked == state:
            ledger.set_batch_state(loader, batch_id, asked)
            assert ledger.batch_state(loader, batch_id) == asked
        else:
            with pytest.raises(BatchError, match=rf"^{batch_id}: is {state}; .*become {asked}$"):
                ledger.set_batch_state(loader, batch_id, asked)
            assert ledger.batch_state(loader, batch_id) == state
