"""Programs of the bench are timed with all their processes, and fail with their last words."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from assay.bench.commands import run_timed
from assay.errors import StackError

BUSY = "import time\nwhile time.process_time() < 0.3: pass\nprint('done')"


def test_processor_time_includes_the_children_of_the_program(tmp_path: Path) -> None:
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}], check=True)"

    timed = run_timed([sys.executable, "-c", nested], os.environ, tmp_path / "logs" / "busy.log")

    assert timed.cpu >= 0.3
    assert timed.wall > 0
    assert timed.output == "done\n"


def test_a_failed_program_is_named_with_its_last_line_and_its_log(tmp_path: Path) -> None:
    log = tmp_path / "failing.log"

    with pytest.raises(StackError, match=r"failed: no such lake \(all of it: .*failing.log\)"):
        run_timed([sys.executable, "-c", "import sys; sys.exit('no such lake')"], os.environ, log)

    assert log.read_text() == "no such lake\n"
