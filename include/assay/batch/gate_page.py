"""The page about a batch's gates: one file of HTML that needs nothing from elsewhere.

It says what the log says, of all gates so far: every expectation with its verdict, and the failing
records. Values of sensitive columns are in no verdict, so in no page.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from assay.batch.gates import MET, OVERRIDDEN, sort_records, summarise, word_for
from assay.batch.verdicts import RecordedVerdict
from assay.settings import Settings
from assay.storage.files import write_whole

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #1c2127; background: #fff; }}
table {{ border-collapse: collapse; margin: .5rem 0 1.5rem; }}
th, td {{ border: 1px solid #d0d5db; padding: .25rem .6rem; }}
th, td {{ text-align: left; vertical-align: top; }}
th {{ background: #f2f4f6; }}
code {{ font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }}
.not-met {{ color: #b3261e; font-weight: 600; }}
.overridden, .warning {{ color: #8a5a00; font-weight: 600; }}
.met {{ color: #1a6b34; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""
HEADINGS = ("Verdict", "Table", "Expectation", "In terms of Great Expectations", "Observed")


def page_of(settings: Settings, batch_id: str) -> Path:
    """Where the page of a batch is."""
    return settings.data_docs / batch_id / "index.html"


def write_page(settings: Settings, batch_id: str, verdicts: Sequence[RecordedVerdict]) -> Path:
    """Write the page of a batch anew, from its verdicts in the order of its gates."""
    path = page_of(settings, batch_id)
    write_whole(path, render(batch_id, verdicts))
    return path


def render(batch_id: str, verdicts: Sequence[RecordedVerdict]) -> str:
    """The page as text."""
    parts = []
    for layer, of_layer in groupby(verdicts, key=lambda verdict: verdict.layer):
        judged = [*of_layer]
        parts += [f"<h2>{_text(layer)}</h2>", f"<p>{_text(summarise(judged))}</p>"]
        parts.append(_table(HEADINGS, [_row(verdict) for verdict in judged]))
        parts += [_failing(verdict) for verdict in judged if verdict.failing]
    return PAGE.format(title=f"Gates of {_text(batch_id)}", body="\n".join(parts))


def _row(verdict: RecordedVerdict) -> list[str]:
    word = word_for(verdict)
    told = f'<span class="{word.replace(" ", "-")}">{word}</span>'
    if word == OVERRIDDEN:
        at = f"{verdict.checked_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        told += _text(f" by {verdict.overridden_by} at {at}: {verdict.override_reason}")
    unexpected = verdict.unexpected_count
    observed = verdict.observed or ""
    if word != MET and unexpected:
        observed = f"{observed} ({unexpected:,} unexpected)".strip()
    asked = f"{verdict.type} {json.dumps(verdict.kwargs)}"
    names = [_text(verdict.table_name), _text(verdict.expectation)]
    return [told, *names, f"<code>{_text(asked)}</code>", _text(observed)]


def _failing(verdict: RecordedVerdict) -> str:
    """The failing records that the verdict holds, by file and number."""
    records = sort_records(verdict.failing)
    names = [*dict.fromkeys(name for record in records for name in record)]
    first = [name for name in ("source_file", "record_number") if name in names]
    names = [*first, *(name for name in names if name not in first)]
    total = max(verdict.unexpected_count or 0, len(records))
    heading = f"{verdict.table_name}: {verdict.expectation}: {len(records)} of {total:,}"
    rows = [[_text(_shown(record.get(name))) for name in names] for record in records]
    return f"<h3>{_text(heading)}</h3>\n{_table(names, rows)}"


def _shown(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    head = "".join(f"<th>{_text(name)}</th>" for name in names)
    body = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>\n<tr>{head}</tr>\n{body}\n</table>"


def _text(value: object) -> str:
    return escape(str(value), quote=True)
