"""The page about a batch's gates: all that the verdicts say, and nothing from elsewhere."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import psycopg

from assay import ledger
from assay.batch.gate_page import render, write_page
from assay.batch.verdicts import RecordedVerdict, Verdict
from assay.settings import load_settings
from builders.ledger_rows import start_batch

NAME = "<script>alert('x')</script>.csv"
VERDICTS = [
    Verdict(
        table_name="silver.trades",
        expectation="known status",
        frame="rows",
        type="expect_column_values_to_be_in_set",
        kwargs={"column": "status", "value_set": ["<b>"]},
        severity="fail",
        success=False,
        overridden=True,
        overridden_by="ada",
        override_reason="late <i>feed</i>",
        observed="12 % unexpected",
        unexpected_count=23,
        failing=[
            {"status": "DONE", "source_file": NAME, "record_number": 10},
            {"status": None, "source_file": NAME, "record_number": 9},
        ],
    ),
    Verdict(
        table_name="silver.trades",
        expectation="rows are there",
        frame="rows",
        type="expect_table_row_count_to_be_between",
        kwargs={"min_value": 1},
        severity="fail",
        success=True,
    ),
]


class Page(HTMLParser):
    """The tags and the texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def test_page_of_a_batch_says_what_its_newest_verdicts_say(
    loader: psycopg.Connection[Any], tmp_path: Path
) -> None:
    start_batch(loader, "b1")
    older = replace(VERDICTS[0], expectation="of an older attempt")
    ledger.record_validation(loader, "b1", 1, "silver", [older])
    ledger.record_validation(loader, "b1", 2, "silver", VERDICTS)
    bronze = replace(VERDICTS[1], table_name="bronze.trades")
    ledger.record_validation(loader, "b1", 1, "bronze", [bronze])
    settings = load_settings({"ASSAY_HOME": str(tmp_path)})
    path = write_page(settings, "b1", ledger.newest_verdicts(loader, "b1"))
    assert path == tmp_path / "data_docs" / "b1" / "index.html"
    page = Page(path.read_text())
    texts = page.texts
    assert "of an older attempt" not in texts
    assert texts.index("bronze.trades") < texts.index("silver.trades")
    for text in (
        "overridden",
        "12 % unexpected (23 unexpected)",
        "silver.trades: known status: 2 of 23",
        "1 of 2 expectations met; overridden by ada (late <i>feed</i>): known status",
        NAME,
    ):
        assert text in texts, text
    assert texts.index("9") < texts.index("10") < texts.index("DONE")


def test_page_needs_nothing_from_elsewhere_and_runs_nothing() -> None:
    recorded = {"layer": "silver", "checked_at": datetime.now(UTC)}
    text = render(NAME, [RecordedVerdict(**asdict(VERDICTS[1]), **recorded)])
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "b", "i"} & {*page.tags}
    assert not {"src", "href", "onclick"} & {*page.attributes}
    assert "default-src 'none'" in text
