"""A file name in a run's note stays a name: no link, no image, no markup."""

from __future__ import annotations

import html
import re

import pytest
from markdown_it import MarkdownIt

from assay.airflow_ui.markdown import escape_markdown

READER = MarkdownIt("commonmark").enable(["strikethrough", "table"])
HOSTILE = [
    "![](http://evil.example/beacon.png)",
    "[click](http://evil.example)",
    "[click][1] [1]: x",
    "<img src=x> <b>bold</b> <http://evil.example>",
    "a*b* **c** _d_ __e__ ~~f~~ `g` ``h",
    r"back\slash \[ \\ C:\_x",
    "&lt;script&gt; &#91;x](y) AT&T a & b",
    "# heading",
    "- item",
    "=====",
    "1. one",
    "12) twelve",
    "> said",
    "| a | b |",
    "line\n\n# heading\n- item",
    "`x` http://evil.example/`y`",
    "trades_2026-01-01.csv: 1 rejected (not UTF-8: byte 0xe9)",
]


def shown(text: str) -> str:
    """What a reader sees of one line that Markdown has rendered; fails on any element but code."""
    rendered = READER.render(text).strip()
    assert re.sub(r"</?(p|code)>", "", rendered).count("<") == 0, rendered
    return html.unescape(re.sub(r"</?(p|code)>", "", rendered))


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_shown_as_it_is(text: str) -> None:
    assert shown(escape_markdown(text)) == " ".join(text.split())


@pytest.mark.parametrize(
    "word", ["http://e.x/a", "www.evil.example.csv", "a@evil.example", "WWW.x"]
)
def test_what_airflow_would_link_by_itself_is_code(word: str) -> None:
    """Its page applies GitHub's autolinks to text, escaped or not, and to code never."""
    assert escape_markdown(f"file {word} is late") == f"file `{word}` is late"


def test_everyday_text_stays_readable_in_a_terminal() -> None:
    text = "accept_files: 2 files, 30 records accepted; 1 rejected (empty file)"
    assert escape_markdown(text) == text
    assert escape_markdown("from_cost.unparseable - 12 of 'a_b.csv'") == (
        "from_cost.unparseable - 12 of 'a_b.csv'"
    )
