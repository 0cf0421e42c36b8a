"""What is the supervisor of a home; tests/e2e has it start, die and stop."""

from __future__ import annotations

import os

import pytest

from assay.home.processes import find_supervisor
from assay.settings import Settings
from assay_stack import programs
from assay_stack.supervisor import down


def test_a_stale_pid_file_is_no_supervisor(settings: Settings) -> None:
    (settings.home / "run").mkdir()
    for pid in (os.getpid(), 4_000_000):
        (settings.home / "run" / "supervisord.pid").write_text(f"{pid}\n")
        assert find_supervisor(settings) is None
    said: list[str] = []
    down(settings, said.append)
    assert said == ["nothing was running"]


def test_a_program_that_never_ran_has_not_been_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its start is told as 0."""
    told = [
        {"name": name, "statename": state, "pid": 0, "now": 1_790_000_000, "start": start}
        for name, state, start in (("a", "STOPPED", 0), ("b", "RUNNING", 1_789_999_990))
    ]
    monkeypatch.setattr(programs, "call_supervisor", lambda *_: told)
    states = programs.program_states(settings)
    assert [states[name].seconds_up for name in "ab"] == [0, 10]
