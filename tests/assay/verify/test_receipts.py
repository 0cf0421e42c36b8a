"""I16, with files and receipts that the gateway's own commit has written."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assay.batch.slices import FileSlice
from assay.gateway.body import Kind
from assay.gateway.by_files import ByFiles
from assay.gateway.check import checker_of
from assay.gateway.commit import Commit
from assay.gateway.deliver import deliverer_for
from assay.gateway.json_body import prepare_lines
from assay.gateway.limits import Limits
from assay.gateway.records import Posted
from assay.ledger.streams import RecordedSlice, hold, record, take_stream
from assay.settings import load_settings
from builders.audited import Site, broken, once_books_are_read
from builders.gateway import lines, quote

if TYPE_CHECKING:
    from conftest import Database


def post(site: Site, *numbers: int) -> None:
    """Two requests, which share a file."""
    group = []
    for part in (numbers[:2], numbers[2:]):
        body = lines(*map(quote, part))
        prepared = prepare_lines(body, Kind.LINES, checker_of("stocks"), "*.jsonl.gz", strict=False)
        group.append(Posted(prepared, "exchange", "key", hashlib.sha256(body).hexdigest()))
    ours = Commit(
        lambda: site.database.connect("assay_gateway", autocommit=True),
        ByFiles(deliverer_for(site.settings), Limits()),
    )
    ours.open()
    ours.commit(group)
    ours.close()


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Site:
    site = Site(load_settings({"ASSAY_HOME": str(tmp_path)}), database)
    Path(str(site.settings.landing), "stocks").mkdir(parents=True)
    post(site, 1, 2, 3)
    return site


def landed(site: Site) -> Path:
    return next(Path(str(site.settings.landing), "stocks").iterdir())


def test_a_file_that_waits_in_landing_keeps_its_receipts(site: Site) -> None:
    check = next(each for each in site.audit() if each.invariant == "I16")
    assert broken([check]) == {}
    assert check.compared == {"receipts": 2, "files of the gateway": 1}


def test_a_file_that_a_stream_takes_while_it_is_audited_keeps_its_receipts(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = landed(site)
    content = file.read_bytes()
    taken = FileSlice(
        dataset="stocks",
        format="jsonl",
        slice_id=hashlib.sha256(content).hexdigest(),
        path=str(Path(str(site.settings.accepted), "stocks", file.name)),
        source_file=file.name,
        records=3,
        size_bytes=len(content),
        header=[],
        slice_date="2026-11-30",
    )

    def take() -> None:
        place = Path(taken.path)
        place.parent.mkdir(parents=True)
        file.rename(place)
        with site.database.connect("assay_streamer") as connection:
            epoch = take_stream(connection, "stocks.files", "stocks", "files", "a test").epoch
            hold(connection, "stocks.files", epoch, 0)
            recorded = RecordedSlice(taken, "1", parked="refused")
            record(connection, "stocks.files", epoch, 0, [recorded], None)

    once_books_are_read(monkeypatch, take)
    assert "I16" not in broken(site.audit())


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("", "records with a receipt: expected a file in landing, or a row of the books"),
        (
            "UPDATE ops.receipt SET records = 3 WHERE first_record = 1",
            "records that receipts cover: expected 3, found 4",
        ),
        (
            "DELETE FROM ops.receipt WHERE first_record = 1",
            "first record with a receipt: expected 1, found 3",
        ),
    ],
)
def test_what_is_gone_or_counted_twice_is_found(site: Site, statement: str, told: str) -> None:
    if statement:
        site.execute(statement)
    else:
        landed(site).unlink()
    check = next(each for each in site.audit() if each.invariant == "I16")
    assert any(told in str(each) for each in check.violations), check.violations
