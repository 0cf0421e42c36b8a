"""Bodies: what is a record, what is refused, and that acceptance takes whatever comes of them."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from pathlib import Path
from typing import Any

import pytest

from assay.contracts.load import load_contract
from assay.errors import RequestRefusedError
from assay.gateway.body import Kind, kind_of, require_text, unpack
from assay.gateway.check import checker_of
from assay.gateway.csv_body import prepare_csv
from assay.gateway.csv_of_json import prepare_csv_of_json
from assay.gateway.deliver import packed
from assay.gateway.json_body import prepare_lines
from assay.gateway.json_texts import texts_of
from assay.gateway.naming import CSV, JSON, name_by, pattern_for
from assay.gateway.records import Prepared
from assay.intake.filenames import dates_in, is_final, is_patch
from assay.intake.records import inspect_file
from builders.gateway import MOST, lines, quote

STOCKS, EVENTS, TRADES = map(checker_of, ("stocks", "ecommerce_events", "trades"))
EVENT = {"event_time": "2026-01-05T10:00:00Z", "event_type": "view", "product_id": 7}
EVENT |= {"product_name": "Lamp", "price": 1.5, "user_id": 9}
TRADES_HEADER = ",".join(c.header or c.name for c in load_contract("bronze", "trades").columns)
# What looks like a file of another kind, or like no text, wherever it stands.
ODD = ["[1, 2]", "<html>", "PAR1", "%PDF", '"text"', "null", "1", "{", "{]", '{"a": NaN}', "[]x"]
ODD += ['{"a": "\\u0000"}', '{"a": "\\ud800"}', "sep=;", "\ufeff{", '{"a": 1, "a": 2}', "{}"]


def as_lines(body: bytes, *, strict: bool = False, kind: Kind = Kind.LINES) -> Prepared:
    return prepare_lines(require_text(body), kind, STOCKS, "*.jsonl.gz", MOST, strict=strict)


def as_csv(body: bytes, kind: Kind = Kind.LINES) -> Prepared:
    return prepare_csv_of_json(require_text(body), kind, EVENTS, "*.csv.gz", MOST, strict=False)


def records_for_acceptance(prepared: Prepared, folder: Path) -> int:
    """How many records acceptance counts in the file. Raises FileRejectedError."""
    name = name_by(prepared.target.pattern)
    path = folder / name
    path.write_bytes(packed(name, prepared.target.head + b"".join(prepared.lines)))
    return inspect_file(path, load_contract("bronze", prepared.target.dataset)).records


def test_each_record_keeps_its_own_bytes() -> None:
    body = b'{"stock_id": 1,\r\n "price":1.10}'
    array = b" [" + body + b' , {"stock_id":2}] '
    expected = b'{"stock_id": 1,   "price":1.10'
    assert as_lines(body, kind=Kind.JSON).lines[0].startswith(expected)
    assert [line[:14] for line in as_lines(array, kind=Kind.JSON).lines] == [
        b'{"stock_id": 1',
        b'{"stock_id":2,',
    ]


def test_what_will_be_quarantined_is_told_by_record_and_reason() -> None:
    body = lines(quote(1), quote(2, price="dear"), "no JSON", quote(4, volume=None), quote("x"))
    prepared = as_lines(body)
    assert prepared.findings == [
        [2, "quarantine", ["price.unparseable"]],
        [3, "quarantine", ["record.malformed"]],
        [4, "quarantine", ["volume.missing"]],
        [5, "quarantine", ["stock_id.unparseable"]],
    ]
    assert (prepared.records, prepared.doubtful, prepared.refused) == (5, 4, 0)
    strict = as_lines(body, strict=True)
    assert (strict.records, strict.doubtful, strict.refused) == (1, 0, 4)
    assert [status for _, status, _ in strict.findings] == ["refused"] * 4


def test_unknown_columns_are_no_fault_and_names_go_without_regard_to_case() -> None:
    record = {name.upper(): value for name, value in quote(1).items()} | {"more": {"deep": [1]}}
    assert as_lines(lines(record)).findings == []
    prepared = as_csv(lines(EVENT | {"more": {"deep": [1]}, "tag": "a,b"}))
    assert prepared.findings == []
    assert prepared.target.head.endswith(b",more.deep,tag\n")
    assert prepared.lines[0].endswith(b',[1],"a,b"\n')


def test_an_object_where_a_value_stands_is_malformed() -> None:
    assert as_lines(lines(quote(1, price={"amount": 1}))).findings[0][2] == ["record.malformed"]
    assert as_csv(lines(EVENT, EVENT | {"price": [1]})).findings == [
        [2, "quarantine", ["record.malformed"]]
    ]


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("odd", ODD)
def test_no_record_keeps_acceptance_from_taking_the_file(
    odd: str, first: int, tmp_path: Path
) -> None:
    body = lines(*[odd, quote(1)][:: 1 - 2 * first])
    prepared = as_lines(body)
    assert records_for_acceptance(prepared, tmp_path) == 2
    body = lines(*[odd, EVENT][:: 1 - 2 * first])
    assert records_for_acceptance(as_csv(body), tmp_path) == 2


def test_a_record_that_lacks_what_every_file_has_to_have_does_not_stop_it(tmp_path: Path) -> None:
    prepared = as_lines(lines({"stock_id": 1}, {}))
    assert records_for_acceptance(prepared, tmp_path) == 2
    assert json.loads(prepared.lines[1])["price"] is None
    assert "price.missing" in prepared.findings[0][2]


@pytest.mark.long
def test_bodies_of_any_bytes_are_refused_or_taken_whole(tmp_path: Path) -> None:
    chance = random.Random(5)  # noqa: S311
    parts = [json.dumps(quote(1)), *ODD, "\r", "\n", '"', ",", "\\", "é", "\x85", "\u2028", " "]
    taken = 0
    for _ in range(3_000):
        text = "".join(chance.choice(parts) for _ in range(chance.randrange(1, 12)))
        for prepare in (as_lines, as_csv, _csv_of_trades):
            try:
                prepared = prepare(text.encode())
            except RequestRefusedError:
                continue
            taken += 1
            assert records_for_acceptance(prepared, tmp_path) == prepared.records, text
    assert taken > 500


def _csv_of_trades(body: bytes) -> Prepared:
    body = f"{TRADES_HEADER}\n".encode() + body
    return prepare_csv(require_text(body), TRADES, "*.csv.gz", MOST, strict=False)


def test_records_of_csv_keep_their_bytes_and_their_reasons(tmp_path: Path) -> None:
    sample = next(Path(TRADES.bronze.path.parent, "samples").glob("*.csv")).read_bytes()
    prepared = prepare_csv(sample, TRADES, "*.csv.gz", MOST, strict=False)
    lines_of_sample = sample.replace(b"\r\n", b"\n").splitlines(keepends=True)
    assert [prepared.target.head, *prepared.lines] == lines_of_sample
    assert records_for_acceptance(prepared, tmp_path) == prepared.records


def test_a_record_of_csv_may_have_line_breaks(tmp_path: Path) -> None:
    fields = TRADES_HEADER.count(",") + 1
    record = ",".join(['"a\r\nb""c"'] * fields)
    body = f"{TRADES_HEADER}\r\n\r\n{record}\r\n{record},more\r\n".encode()
    prepared = prepare_csv(body, TRADES, "*.csv.gz", MOST, strict=False)
    assert prepared.records == 2
    assert prepared.lines[0] == f"{record}\n".encode()
    assert prepared.findings[1][2] == ["record.malformed"]
    assert records_for_acceptance(prepared, tmp_path) == 2


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "no record"),
        (f"{TRADES_HEADER}\n".encode(), "a header and no record"),
        (b"a,b\n1,2\n", "no header: no required column found"),
        (f'{TRADES_HEADER}\n"open\n'.encode(), "not CSV: unexpected end"),
        (f"{TRADES_HEADER}\na\rb\n".encode(), "not CSV: new-line character"),
        (b"sep=;\n" + TRADES_HEADER.encode() + b"\n1\n", "sep=;"),
        (TRADES_HEADER.encode() + b"\n" + b"x" * 200_000, "field larger"),
    ],
)
def test_csv_that_cannot_be_told_apart_is_refused(body: bytes, told: str) -> None:
    with pytest.raises(RequestRefusedError, match=told):
        prepare_csv(body, TRADES, "*.csv.gz", MOST, strict=False)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", Kind.LINES),
        (b" \n\n", Kind.LINES),
        (b"[]", Kind.JSON),
        (b"[1, 2]", Kind.JSON),
        (b'[{"stock_id": 1},]', Kind.JSON),
        (b'{"stock_id": 1} {"stock_id": 2}', Kind.JSON),
        (b"<html></html>", Kind.LINES),
        (b"[" * 100_000, Kind.JSON),
    ],
)
def test_json_without_a_record_is_refused(body: bytes, kind: Kind) -> None:
    with pytest.raises(RequestRefusedError) as refused:
        as_lines(body, kind=kind)
    assert refused.value.status == 400


@pytest.mark.parametrize("kind", [Kind.JSON, Kind.LINES])
def test_what_is_over_a_limit_of_the_contract_is_told_as_too_large(kind: Kind) -> None:
    import dataclasses

    bronze: Any = STOCKS.bronze
    limits = dataclasses.replace(bronze.limits, json_values=5)
    source = dataclasses.replace(bronze.source, limits=limits)
    contract = dataclasses.replace(bronze, source=source)
    with pytest.raises(RequestRefusedError, match=r"more than 5 values .*json_values") as refused:
        [*texts_of(lines(quote(1)), kind, contract, MOST)]
    assert refused.value.status == 413


def test_a_body_is_text() -> None:
    for body, told in ((b"a\0", "NUL byte at byte 2"), (b"a\xff", "byte 0xff at byte 2")):
        with pytest.raises(RequestRefusedError, match=told):
            require_text(body)
    assert require_text(b"\xef\xbb\xbfa") == b"a"


@pytest.mark.parametrize(
    ("stored", "encoding", "status"),
    [
        (gzip.compress(bytes(2_000_000)), "gzip", 413),
        (zlib.compress(b"{}"), "gzip", 400),
        (gzip.compress(b"{}")[:-4], "gzip", 400),
        (gzip.compress(b"{}") + b"more", "gzip", 400),
        (b"{}", "br", 415),
    ],
)
def test_what_is_packed_is_unpacked_within_limits(
    stored: bytes, encoding: str, status: int
) -> None:
    with pytest.raises(RequestRefusedError) as refused:
        unpack(stored, encoding, most=1_000_000)
    assert refused.value.status == status
    assert unpack(gzip.compress(b"a") + gzip.compress(b"b"), "GZIP", 10) == b"ab"
    assert unpack(b"a", "identity", 10) == b"a"


def test_a_body_says_what_it_is() -> None:
    assert kind_of("Application/JSON; charset=UTF-8") is Kind.JSON
    assert kind_of("text/csv;header=present") is Kind.CSV
    for wrong in ("", "text/plain", "application/json; charset=latin-1"):
        with pytest.raises(RequestRefusedError) as refused:
            kind_of(wrong)
        assert refused.value.status == 415


def test_files_are_named_by_the_patterns_and_never_twice() -> None:
    stocks, trades = load_contract("bronze", "stocks"), load_contract("bronze", "trades")
    assert (pattern_for(stocks, JSON), pattern_for(stocks, CSV)) == ("*.jsonl.gz", "")
    assert (pattern_for(trades, JSON), pattern_for(trades, CSV)) == ("", "*.csv.gz")
    names = [name_by("trades_*.csv.gz") for _ in range(1_000)]
    assert len({*names}) == 1_000
    assert names[0] < names[-1]
    for name in names:
        assert name.startswith("trades_gateway-")
        assert is_final(name)
        assert not is_patch(name)
        assert len(dates_in(name)) == 1


def test_files_of_the_same_records_are_never_of_the_same_bytes() -> None:
    one, other = (packed(name, b"a\n") for name in ("one.csv.gz", "other.csv.gz"))
    assert one != other
    assert gzip.decompress(one) == gzip.decompress(other) == b"a\n"


def test_encodings_of_the_feed_have_to_hold_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    from assay.gateway.check import Checker

    bronze: Any = EVENTS.bronze
    dialect = dataclasses.replace(bronze.dialect, encoding="latin-1")
    source = dataclasses.replace(bronze.source, dialect=dialect)
    checker = Checker(dataclasses.replace(bronze, source=source), load_contract("silver", "trades"))
    body = lines(EVENT | {"product_name": "\u20ac"})
    with pytest.raises(RequestRefusedError, match="cannot be written in latin-1"):
        prepare_csv_of_json(body, Kind.LINES, checker, "*.csv.gz", MOST, strict=False)
