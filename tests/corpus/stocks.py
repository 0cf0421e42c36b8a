"""Bad JSON, built by code as files of `stocks`, with the verdict that is expected beside each."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from corpus.case import Case, accepted, rejected
from corpus.trades import text

GOOD = {
    "stock_id": 1,
    "company_id": 7,
    "symbol": "AAPL",
    "price": 150.25,
    "volume": 10000,
    "timestamp": "2026-01-01T09:00:00",
    "details": {"exchange": "NASDAQ", "sector": "Technology"},
}
MALFORMED = {"record.malformed": 1}
NO_ARRAY = "begins as a JSON array but is none"
CUT = "Unterminated string starting at: line 1 column 495 (char 494)"
NO_OBJECT = "not JSON: none of its 2 lines is a JSON object"


def quote(number: int = 0, **values: Any) -> str:
    """One record as text; `number` makes its stock unique, None leaves a field out."""
    facts = {**GOOD, "stock_id": number, **values}
    return json.dumps({name: value for name, value in facts.items() if value is not None})


def quotes(count: int = 3) -> list[str]:
    return [quote(number) for number in range(count)]


def between(record: str) -> bytes:
    """A record between two good ones."""
    return text(quote(0), record, quote(1))


def array(*records: str) -> bytes:
    return f"[{','.join(records)}]\n".encode()


def flattened(number: int, **values: Any) -> str:
    """A record as exporters of tables write it: no object inside, but names with a dot."""
    flat = {f"details.{name}": value for name, value in {"exchange": "NYSE", "sector": "X"}.items()}
    return quote(number, **{"details": None, **flat, **values})


def structure() -> list[Case]:
    good = text(*quotes())
    deep = '{"a": ' * 5000 + "1" + "}" * 5000
    bad_lines = {
        "broken_line": quote(9)[:-20],
        "two_objects_on_one_line": f"{quote(8)} {quote(9)}",
        "two_objects_with_a_comma": f"{quote(8)}, {quote(9)}",
        "field_given_twice": quote(9)[:-1] + ', "price": 1}',
        "deep_nesting": deep,
        "trailing_comma": quote(9)[:-1] + ",}",
        "single_quotes": quote(9).replace('"', "'"),
        "not_a_number": quote(9, price=float("nan")),
        "infinite": quote(9, price=float("inf")),
        "huge_exponent": quote(9).replace("150.25", "1e999"),
        "forty_digits": quote(9).replace("150.25", "1" * 40),
        "scalar_line": "42",
        "null_line": "null",
        "array_line": array(quote(9)).decode().strip(),
    }
    return [
        accepted("json_lines", good, records=3, file_name="lines.jsonl"),
        accepted("json_lines_named_json", good + b"\n", records=3, file_name="lines.json"),
        accepted("json_crlf", text(*quotes(2), end="\r\n"), records=2, file_name="crlf.ndjson"),
        accepted("json_blank_lines", text("", *quotes(2), " ", ""), records=2),
        accepted("json_no_final_newline", text(*quotes(4)).rstrip(), records=4),
        accepted("json_array", array(*quotes()), records=3, file_name="array.json"),
        accepted("json_array_named_jsonl", array(*quotes(2)), records=2),
        accepted(
            "json_gzip", gzip.compress(text(*quotes(5)), mtime=0), records=5, file_name="g.jsonl.gz"
        ),
        *(
            accepted(f"json_{name}", between(line), records=3, bad=MALFORMED)
            for name, line in bad_lines.items()
        ),
        accepted("json_array_with_a_scalar", array(*quotes(2), "42"), records=3, bad=MALFORMED),
        rejected("json_array_cut", array(*quotes())[:-40], f"{NO_ARRAY}: {CUT}"),
        rejected(
            "json_array_field_given_twice",
            array('{"stock_id": 1, "price": 1, "price": 2}'),
            f'{NO_ARRAY}: a field is given twice in {{"stock_id": 1, "price": 2}}',
        ),
        rejected(
            "json_array_not_a_number",
            array(quote(9, price=float("nan"))),
            f"{NO_ARRAY}: NaN is no JSON number",
        ),
        rejected(
            "json_array_forty_digits",
            array(quote(9).replace("150.25", "1" * 40)),
            "JSON array with a number of too many digits; deliver it as text",
        ),
        accepted("json_array_empty", b"[]", records=0),
        accepted("json_blank", b"\n \n", records=0),
        rejected("json_no_object", b"1\n2\n", NO_OBJECT),
        rejected("csv_named_jsonl", b"stock_id,price\n1,2\n", NO_OBJECT),
        rejected("parquet_named_jsonl", b"PAR1" + bytes(8), "not JSON: a Parquet file"),
        rejected(
            "gzip_named_jsonl",
            gzip.compress(good, mtime=0),
            "not JSON: gzip data; a compressed file is named *.gz",
        ),
        rejected(
            "json_utf16", good.decode().encode("utf-16"), "not UTF-8: byte-order mark of UTF-16"
        ),
        rejected(
            "json_latin1",
            between('{"symbol": "\u00c4"}').decode().encode("latin1"),
            "not UTF-8: byte 0xc4 at line 2",
        ),
        rejected("json_nul_byte", between('{"symbol": "\0"}'), "NUL byte at line 2"),
        accepted("json_utf8_bom", b"\xef\xbb\xbf" + good, records=3),
    ]


def fields() -> list[Case]:
    def one(name: str, record: str, bad: dict[str, int] | None = None) -> Case:
        return accepted(f"json_{name}", between(record), records=3, bad=bad)

    def never(**values: Any) -> bytes:
        return text(*(quote(number, price=None, **values) for number in range(2)))

    without_details = quote(9, details=None)
    return [
        one("reordered", json.dumps(dict(reversed(GOOD.items())))),
        one("field_missing_in_one_record", quote(9, price=None), {"price.missing": 1}),
        rejected("json_required_field_missing", never(), "required column missing: price"),
        rejected(
            "json_field_misspelt",
            never(prize=1),
            "required column missing: price (nearest: 'prize')",
        ),
        one("unknown_field", quote(9, currency="EUR")),
        one("unknown_nested_field", quote(9, details={"country": "DE"})),
        one("no_details", without_details),
        one("details_are_null", without_details[:-1] + ', "details": null}'),
        one("details_are_text", quote(9, details="NYSE")),
        one("details_are_flat", quote(9, details=None, exchange="NYSE")),
        one("details_flattened", flattened(9)),
        one("details_flattened_too", flattened(9, details={"exchange": "NYSE"})),
        one("details_flattened_differ", flattened(9, details={"exchange": "X"}), MALFORMED),
        one("details_flattened_with_null", flattened(9, details={"exchange": None})),
        one("details_in_another_spelling", quote(9).replace('"details"', '"Details"')),
        one(
            "unknown_name_flat_and_nested",
            quote(9, **{"details.country": "DE"}, details={"country": "FR"}),
            MALFORMED,
        ),
        one("exchange_is_a_list", quote(9, details={"exchange": ["NYSE"]}), MALFORMED),
        one("exchange_is_an_object", flattened(9, **{"details.exchange": {"a": 1}}), MALFORMED),
    ]


def values() -> list[Case]:
    def one(name: str, reason: str, **spoilt: Any) -> Case:
        bad = {reason: 1} if reason else {}
        return accepted(f"json_{name}", between(quote(9, **spoilt)), records=3, bad=bad)

    return [
        one("number_as_text", "", price="150.2500", volume="10000"),
        one("number_as_text_with_comma", "price.unparseable", price="150,25"),
        accepted(
            "json_number_with_exponent", between(quote(9).replace("150.25", "1.5e2")), records=3
        ),
        one("number_with_five_decimals", "price.unparseable", price=0.00001),
        one("number_of_a_float32", "price.unparseable", price=191.3800048828125),
        one("number_of_a_float64", "price.unparseable", price=0.30000000000000004),
        one("number_ends_in_its_point", "", price="5."),
        one("number_begins_with_its_point", "", price=".99"),
        one("turnover_above_all", "turnover.out_of_range", price=10**9, volume=10**6),
        one("sector_too_long", "sector.too_long", details={"sector": "\u00e9" * 129}),
        one("time_with_utc", "", timestamp="2026-01-01 09:00:00 UTC"),
        one("number_is_boolean", "price.unparseable", price=True),
        one("number_is_object", "record.malformed", price={"amount": 1}),
        one("number_is_array", "record.malformed", price=[1]),
        one("number_is_blank", "price.missing", price=" "),
        one("negative_price", "price.out_of_range", price=-1),
        one("absurd_price", "price.out_of_range", price=10**10),
        one("volume_with_fraction", "volume.unparseable", volume=0.5),
        one("volume_with_zero_fraction", "", volume=10.0),
        one("volume_above_bigint", "volume.unparseable", volume=10**20),
        one("time_is_epoch", "stock_timestamp.unparseable", timestamp=1767225600),
        one("time_is_words", "stock_timestamp.unparseable", timestamp="yesterday"),
        one("nul_escape", "record.malformed", symbol="A\0B"),
        one("lone_surrogate", "record.malformed", symbol="\ud800"),
        one("emoji_and_escapes", "", symbol='\U0001f600 "\\\n'),
    ]


GROUPS: dict[str, Callable[[], list[Case]]] = {
    "JSON: structure and encoding": structure,
    "JSON: fields": fields,
    "JSON: values": values,
}


def cases(group: Callable[[], list[Case]]) -> list[Case]:
    return [
        replace(case, dataset="stocks", file_name=case.file_name or f"{case.name}.jsonl")
        for case in group()
    ]


def all_cases() -> list[Case]:
    """Every case, in the order of the documentation."""
    return [case for group in GROUPS.values() for case in cases(group)]
