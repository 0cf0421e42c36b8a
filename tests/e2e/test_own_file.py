"""docs/your-own-data.md, typed as it stands on a running stack: rows in Postgres in minutes."""

from __future__ import annotations

import shlex
import subprocess
import time

import pytest

from assay.home.paths import child_environment
from assay.settings import REPOSITORY
from builders.consoles import typed_commands
from builders.running_stack import RunningStack

pytestmark = [pytest.mark.e2e, pytest.mark.long]

PAGE = REPOSITORY / "docs" / "your-own-data.md"
FOLDER = "/tmp/feeds"  # noqa: S108  # as the page has it; the stack has its own in its place
OF_THE_SHELL = ("export ", "make ", "PSQL=")
FIVE_MINUTES = 300


def test_the_page_brings_a_file_to_postgres(stack: RunningStack, feeds: str) -> None:
    home = str(stack.settings.home)
    environment = child_environment({"ASSAY_HOME": home, "COLUMNS": "80"})
    commands = [*typed_commands(PAGE)]
    prelude = "\n".join(t.command for t in commands if t.command.startswith("PSQL="))
    began = time.monotonic()
    for typed in commands:
        if typed.command.startswith(OF_THE_SHELL):
            continue
        command = typed.command.replace(FOLDER, feeds).replace(".assay/", f"{shlex.quote(home)}/")
        done = subprocess.run(
            ["bash", "-c", f"{prelude}\n{command}"],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        output = (done.stdout + done.stderr).replace(feeds, FOLDER)
        assert done.returncode == 0, output
        assert typed.lacking(output) == [], f"{typed.command}\n{output}"
    assert time.monotonic() - began < FIVE_MINUTES
    (row,) = stack.query("SELECT ort, betrag_eur FROM serving.kunden WHERE kunden_nr = '00001'")
    assert (row[0], str(row[1])) == ("M\u00fcnchen", "371.23")
    assert stack.assay("verify").returncode == 0
