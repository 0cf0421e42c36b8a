"""I16, with files and receipts that the gateway's own commit has written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from assay.batch.slices import FileSlice
from assay.contracts.load import load_contract
from assay.gateway.body import Kind
from assay.gateway.by_files import ByFiles
from assay.gateway.check import checker_of
from assay.gateway.commit import Commit
from assay.gateway.deliver import deliverer_for
from assay.gateway.json_body import prepare_lines
from assay.gateway.limits import Limits
from assay.gateway.receipts_route import describe
from assay.gateway.records import Posted
from assay.ledger.receipts import find_receipt
from assay.ledger.streams import RecordedSlice, hold, record, take_stream
from assay.ledger.whereabouts import follow_receipt
from assay.settings import load_settings
from assay.streams.acceptance import Acceptance
from assay.streams.lists import Lists, read_list
from assay.streams.names import Stream
from builders.audited import Site, broken, once_books_are_read
from builders.gateway import MOST, lines, quote

if TYPE_CHECKING:
    from conftest import Database

STREAM = Stream("stocks", "files")


def post(site: Site, *numbers: int) -> None:
    """Two requests, which share a file."""
    group = []
    for part in (numbers[:2], numbers[2:]):
        body = lines(*map(quote, part))
        prepared = prepare_lines(
            body, Kind.LINES, checker_of("stocks"), "*.jsonl.gz", MOST, strict=False
        )
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


def stream_of(site: Site) -> Acceptance:
    """The acceptance of a stream in an epoch of its own, by its role."""
    with site.database.connect("assay_streamer", autocommit=True) as connection:
        epoch = take_stream(connection, STREAM.name, "stocks", "files", "a test").epoch

    def ask(question: Callable[[psycopg.Connection[Any]], Any]) -> Any:
        with site.database.connect("assay_streamer", autocommit=True) as connection:
            return question(connection)

    lists = Lists(STREAM.folder(site.settings) / "lists")
    return Acceptance(site.settings, STREAM, epoch, lists, ask)


def receipt_says(site: Site) -> tuple[str, str]:
    """What the gateway answers of the first receipt: the state, and where."""
    with site.database.connect("assay_gateway") as connection:
        (receipt_id,) = connection.execute("SELECT receipt_id FROM ops.receipt").fetchall()[0]
        receipt = find_receipt(connection, receipt_id, "exchange")
        assert receipt
        told = describe(receipt, follow_receipt(connection, receipt))
    return told["state"], told["where"]


@pytest.fixture
def no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a contract with `settle_seconds: 0`."""
    bronze = load_contract("bronze", "stocks")
    source = replace(bronze.source, settle_seconds=0)  # type: ignore[type-var]
    monkeypatch.setattr(Stream, "bronze", property(lambda _: replace(bronze, source=source)))


def take_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a contract that was made stricter after the gateway had answered."""
    bronze = load_contract("bronze", "stocks")
    assert bronze.source
    source = replace(bronze.source, limits=replace(bronze.limits, records=2))
    stricter = replace(bronze, source=source)
    monkeypatch.setattr("assay.intake.judge.load_contract", lambda *_: stricter)


@pytest.mark.usefixtures("no_settling")
def test_a_file_that_a_stream_has_listed_and_not_recorded_keeps_its_receipts(site: Site) -> None:
    assert stream_of(site).round() == 1
    assert broken(site.audit()) == {}
    assert receipt_says(site)[0] == "accepted"
    (accepted,) = Path(site.settings.accepted, "stocks").iterdir()
    accepted.unlink()
    assert "I16" in broken(site.audit())


@pytest.mark.usefixtures("no_settling")
def test_a_file_that_a_stream_rejects_is_told_of_by_its_receipts_and_the_audit(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        take_fewer(patch)
        assert stream_of(site).round() == 1
    state, where = receipt_says(site)
    assert state == "rejected"
    assert where.startswith("its file was rejected: ")
    assert "more than 2 records" in where
    assert broken(site.audit()) == {}
    query = "SELECT verdict, reason, location FROM ops.stream_refusal"
    ((verdict, reason, location),) = site.execute(query)
    assert (verdict, where) == ("rejected", f"its file was rejected: {reason}")
    file = Path(location)
    landing = Path(str(site.settings.landing), "stocks")
    file.with_name(f"{file.name}.reason.txt").unlink()
    file.rename(landing / file.name)  # a person has mended the contract
    again = stream_of(site)
    assert again.round() == 1
    with site.database.connect("assay_streamer") as connection:
        hold(connection, STREAM.name, again.epoch, 0)
        (taken,) = [each for path in again.lists.oldest(9) for each in read_list(path)]
        parked = RecordedSlice(taken, "1", parked="refused")
        record(connection, STREAM.name, again.epoch, 0, [parked], None)
    assert receipt_says(site)[0] == "parked"


@pytest.mark.usefixtures("no_settling")
def test_a_file_that_a_stream_finds_to_be_a_duplicate_is_in_the_books(site: Site) -> None:
    stream = stream_of(site)
    stream.listed.add(hashlib.sha256(landed(site).read_bytes()).hexdigest())
    assert stream.round() == 1
    state, where = receipt_says(site)
    assert state == "duplicate"
    assert where == ("same content as a file of stream stocks.files, which is about to record it")
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
