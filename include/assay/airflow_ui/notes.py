"""Notes on runs as Airflow takes them: Markdown, and of some length at most."""

from __future__ import annotations

from assay.airflow_ui.markdown import escape_markdown

LONGEST_NOTE = 1000


def as_note(summary: str) -> str:
    """As Markdown that shows the text as it is: a file name may look like a picture from afar.

    What is too long loses whole lines from its end; the first line is always there.
    """
    first, *rest = map(_shown, summary.splitlines())
    note = first[:LONGEST_NOTE]
    for line in rest:
        if len(note) + len(line) + 1 > LONGEST_NOTE:
            break
        note += f"\n{line}"
    return note


def _shown(line: str) -> str:
    """A line as it is; an item of a list stays one."""
    mark, text = ("- ", line[2:]) if line.startswith("- ") else ("", line)
    return mark + escape_markdown(text)
