"""Small bodies that unpack to very many records: refused early, in little memory."""

from __future__ import annotations

import csv
import gzip
import hashlib
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from assay.contracts.load import load_contract
from assay.errors import RequestRefusedError
from assay.gateway.body import Kind, require_text
from assay.gateway.deliver import packed
from assay.gateway.events_route import is_small
from assay.gateway.files import fill_files
from assay.gateway.limits import Limits
from assay.gateway.prepare import Asked, Preparer
from assay.gateway.records import Posted
from assay.intake import survey
from assay.intake.records import inspect_file
from builders.gateway import click, lines

MIB = 1 << 20
LIMITS = Limits(records=1_000)
HEADER = b"event_id,event_time,event_type,product_id,product_name,price,user_id,session_id\n"
TOO_MANY = "more than 1,000 records; send several"
RECORD = lines(click("e")).strip()
BOMBS = {
    "numbers, one a line": (Kind.LINES, b"10\n", b"", TOO_MANY),
    "objects, one a line": (Kind.LINES, b"{}\n", b"", TOO_MANY),
    "numbers of an array": (Kind.JSON, b"10,", b"[", TOO_MANY),
    "arrays of an array": (Kind.JSON, b"[1,1,1],", b"[", TOO_MANY),
    "good records of an array": (Kind.JSON, RECORD + b",", b"[", TOO_MANY),
    "short records of CSV": (Kind.CSV, b"a\n", HEADER, TOO_MANY),
    "blank lines of CSV": (Kind.CSV, b"\n", HEADER, "more than 10,000 lines; send several"),
    "blank lines of a field": (
        Kind.CSV,
        b'"\n\n\n\n\n\n\n\n\n\n\n"\n',
        HEADER,
        "more than 10,000 lines",
    ),
}


@pytest.mark.parametrize("to_topics", [False, True], ids=["files", "topics"])
@pytest.mark.parametrize("name", BOMBS)
def test_the_first_record_too_many_is_refused_and_no_list_is_made_of_all(
    name: str, *, to_topics: bool
) -> None:
    kind, one, begin, why = BOMBS[name]
    body = begin + one * (2 * MIB // len(one)) + (b"1]" if kind is Kind.JSON else b"")
    stored = gzip.compress(body, 1)
    asked = Asked("ecommerce_events", kind, "gzip")
    preparer = Preparer(LIMITS, to_topics)
    with pytest.raises(RequestRefusedError):  # contracts are read once
        preparer.prepare(stored, asked)
    tracemalloc.start()
    try:
        with pytest.raises(RequestRefusedError, match=why) as refused:
            preparer.prepare(stored, asked)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.status == 413
    # The body while it is unpacked, twice, and what a thousand records take.
    assert most < 2 * len(body) + 2 * MIB


def test_blank_lines_between_records_are_passed_over() -> None:
    body = b"\n" * MIB + RECORD + b" \r\n" * MIB + RECORD
    for to_topics in (False, True):
        made, _ = Preparer(LIMITS, to_topics).prepare(body, Asked("ecommerce_events", Kind.LINES))
        assert made.records == 2


@pytest.mark.parametrize("to_topics", [False, True], ids=["files", "topics"])
def test_records_that_grow_are_refused_before_they_take_more_than_a_request_may(
    *, to_topics: bool
) -> None:
    """A record of CSV gets the names of the contract, or the columns that others have."""
    limits = replace(LIMITS, made_bytes=100_000, file_bytes=100_000)
    columns = {f"c{number}": None for number in range(500)}
    body = HEADER + b"," * 7 + b"\n" if to_topics else lines(columns)
    body += b",,,,,,,\n" * 900 if to_topics else b"{}\n" * 900
    kind = Kind.CSV if to_topics else Kind.LINES
    with pytest.raises(RequestRefusedError, match="more than 100,000 bytes") as refused:
        Preparer(limits, to_topics).prepare(body, Asked("ecommerce_events", kind))
    assert refused.value.status == 413


def test_no_file_is_made_that_acceptance_would_take_for_a_bomb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that are all the same, and that gain nulls, are packed more than 100:1."""
    assert Limits().file_bytes == survey.BOMB_SIZE
    monkeypatch.setattr(survey, "BOMB_SIZE", 400_000)
    monkeypatch.setattr(survey, "BLOCK", 1_000)
    limits = Limits(file_bytes=400_000)
    for dataset, records in (("stocks", 3_500), ("ecommerce_events", 5_000)):
        asked = Asked(dataset, Kind.LINES)
        made, _ = Preparer(limits).prepare(b"{}\n" * records, asked)
        with pytest.raises(RequestRefusedError, match="more than 400,000 bytes") as refused:
            Preparer(limits).prepare(b"{}\n" * 60_000, asked)
        assert refused.value.status == 413
        for file in fill_files([Posted(made, "p", "key", "")] * 10, limits):
            path = tmp_path / file.name
            path.write_bytes(packed(file.name, file.content()))
            assert inspect_file(path, load_contract("bronze", dataset)).records == file.records


def test_a_file_in_utf_16_has_half_the_text() -> None:
    bronze = load_contract("bronze", "trades")
    assert bronze.source
    dialect = replace(bronze.source.dialect, encoding="utf-16")
    wide = replace(bronze, source=replace(bronze.source, dialect=dialect))
    limits = Limits(file_bytes=1_000)
    assert limits.text_of_file(bronze) == 1_000
    text = "a" * limits.text_of_file(wide)
    assert len(text.encode("utf-16")) == 1_000


def test_a_body_is_known_by_what_is_in_it_and_is_hashed_where_it_is_read() -> None:
    body = lines(click("e"))
    for stored, encoding in ((body, ""), (gzip.compress(body), "gzip")):
        _, digest = Preparer(LIMITS).prepare(stored, Asked("stocks", Kind.LINES, encoding))
        assert digest == hashlib.sha256(body).hexdigest()


def test_a_text_is_told_to_be_no_utf8_wherever_that_is() -> None:
    good = ("é" * 70_000).encode()
    assert require_text(good) == good
    for body, said in (
        (good + b"\xff" + good, "0xff at byte 140001"),
        (b"a" + good + b"\xc3", "0xc3 at byte 140002"),
        (b"a" + good[:65_535] + b"(" + good, "0xc3 at byte 65536"),
    ):
        with pytest.raises(RequestRefusedError, match=said):
            require_text(body)


@pytest.mark.parametrize("dataset", ["ecommerce_events", "trades"])
def test_very_many_names_cost_the_records_that_have_none_of_them_no_time(dataset: str) -> None:
    """30 kB of body are some millions of empty fields."""
    body = lines({f"n{number:03}": number for number in range(900)}) + b"{}\n" * 7_500
    before = time.process_time()
    made, _ = Preparer(Limits()).prepare(body, Asked(dataset, Kind.LINES))
    assert time.process_time() - before < 1
    assert made.records == 7_501
    head, first, other = made.target.head, made.lines[0], made.lines[1]
    assert head.endswith(
        b",n000," + b",".join(b"n%03d" % number for number in range(1, 900)) + b"\n"
    )
    assert first.endswith(b",".join(b"%d" % number for number in range(900)) + b"\n")
    assert other == b"," * head.count(b",") + b"\n"


def test_each_record_has_its_own_unknown_fields_where_the_header_has_them() -> None:
    body = lines(click("e1", b=1, d='x,"y'), click("e2", a=[2]), click("e3"), click("e4", c=4, d=5))
    made, _ = Preparer(Limits()).prepare(body, Asked("ecommerce_events", Kind.LINES))
    rows = csv.DictReader((made.target.head + b"".join(made.lines)).decode().splitlines())
    assert [[row[name] for name in "abcd"] for row in rows] == [
        ["", "1", "", 'x,"y'],
        ["[2]", "", "", ""],
        ["", "", "", ""],
        ["", "", "4", "5"],
    ]


def test_a_small_body_of_very_many_records_is_read_in_a_thread() -> None:
    assert is_small(lines(*[click("e")] * 90))
    assert is_small(lines({f"n{number:03}": number for number in range(900)}))
    for body in (b"{}\n" * 7_500, b"[" + b"{}," * 7_500, b"[" + b"1," * 7_500, b"a\n" * 7_500):
        assert not is_small(body)
    assert not is_small(b" " * 40_000)
