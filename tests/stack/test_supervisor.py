"""What is the supervisor of a home; tests/e2e has it start, die and stop."""

from __future__ import annotations

import os

from assay.home.processes import find_supervisor
from assay.settings import Settings
from assay_stack.supervisor import down


def test_a_stale_pid_file_is_no_supervisor(settings: Settings) -> None:
    (settings.home / "run").mkdir()
    for pid in (os.getpid(), 4_000_000):
        (settings.home / "run" / "supervisord.pid").write_text(f"{pid}\n")
        assert find_supervisor(settings) is None
    said: list[str] = []
    down(settings, said.append)
    assert said == ["nothing was running"]
