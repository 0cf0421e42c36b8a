"""docs/your-own-data.md: what needs no stack is typed here; the rest by tests/e2e."""

from __future__ import annotations

import subprocess
from pathlib import Path

from assay.home.paths import child_environment
from assay.settings import REPOSITORY
from builders.consoles import typed_commands
from builders.sample_files import european_csv

PAGE = REPOSITORY / "docs" / "your-own-data.md"
FOLDER = "/tmp/feeds"  # noqa: S108  # as the page has it; the test puts its own in its place
NEEDS_NO_STACK = ("assay dataset new", "head ", "grep ", "assay dataset check kunden")


def test_what_is_typed_shows_what_the_page_says(tmp_path: Path) -> None:
    own = str(tmp_path / "feeds")
    environment = child_environment({"ASSAY_DATASETS": own, "COLUMNS": "80"})
    done = 0
    for typed in typed_commands(PAGE):
        if typed.command.startswith(NEEDS_NO_STACK) and "--against" not in typed.command:
            output = subprocess.run(
                ["bash", "-c", typed.command.replace(FOLDER, own)],
                cwd=REPOSITORY,
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            ).stdout.replace(own, FOLDER)
            assert typed.lacking(output) == [], output
            done += 1
    assert done == 4


def test_the_sample_of_the_page_is_the_file_that_the_tests_make(tmp_path: Path) -> None:
    sample = REPOSITORY / "samples" / "kunden.csv"
    assert european_csv(tmp_path).read_bytes() == sample.read_bytes()
