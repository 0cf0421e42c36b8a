"""Notes on runs as Airflow takes them: Markdown, and of some length at most."""

from __future__ import annotations

import re

LONGEST_NOTE = 1000
MARKS = re.compile(r"[\\`\[\]<>]")


def as_note(summary: str) -> str:
    """As Markdown that shows the text as it is: a file name may look like a picture from afar.

    What is too long loses whole lines from its end; the first line is always there.
    """
    first, *rest = (MARKS.sub(r"\\\g<0>", line) for line in summary.splitlines())
    note = first[:LONGEST_NOTE]
    for line in rest:
        if len(note) + len(line) + 1 > LONGEST_NOTE:
            break
        note += f"\n{line}"
    return note
