"""Bad input for `trades`, built by code, with the verdict that is expected beside each.

A case says what happens to the file (verdict, reason) and, when it is accepted, to its records:
how many there are, how many are good, and how many are quarantined for each reason.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from collections.abc import Callable, Iterable

from corpus.case import Case, accepted, rejected

TIMES = {
    "words": "not-a-date",
    "zero": "0000-00-00",
    "february_29": "2026-02-29T00:00:00",
    "hour_24": "2026-01-01T24:00:00",
    "year_10000": "10000-01-01",
    "epoch_ms": "1767225600000",
    "other_order": "31/01/2026",
}
GOOD_ROW = {
    "TradeId": "00000000-0000-4000-8000-000000000000",
    "CustomerId": "10000000-0000-4000-8000-000000000000",
    "From_Currency": "USD",
    "To_Currency": "INR",
    "From_Cost": "10500.25",
    "To_Cost": "20750.50",
    "From_Pip": "40.25",
    "To_Pip": "60.50",
    "Transaction_Date": "2026-01-01T06:43:15.370174",
    "Transaction_Status": "COMPLETED",
    "Created_By": "ashah",
    "Created_On": "2026-01-01T06:43:15.370174",
    "Updated_By": "bgreen",
    "Updated_on": "2026-01-02T06:43:15.370174",
    "From_Deposited_Account": "GB00ABCD12345678901234",
    "To_Debited_Account": "GB99ABCD12345678901234",
}
HEADER = ",".join(GOOD_ROW)


def row(number: int = 0, **values: str) -> str:
    """One record as text; `number` makes its trade unique."""
    trade = f"{number:08x}{GOOD_ROW['TradeId'][8:]}"
    return line([{**GOOD_ROW, "TradeId": trade, **values}[name] for name in GOOD_ROW])


def line(values: Iterable[str]) -> str:
    """A record without its end; the writer quotes what its line terminator has."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(values)
    return text.getvalue().removesuffix("\r\n")


def rows(count: int = 3) -> list[str]:
    return [row(number) for number in range(count)]


def text(*lines: str, end: str = "\n") -> bytes:
    return "".join(part + end for part in lines).encode()


def structure() -> list[Case]:
    quoted = row(1, Created_By='said "yes", twice\nand left')
    twice = row(1, Created_By="two\r\nlines")
    good = text(HEADER, *rows())
    return [
        accepted("good", good, records=3),
        accepted("no_trailing_newline", good.rstrip(b"\n"), records=3),
        accepted("header_only", text(HEADER), records=0),
        accepted("header_only_no_newline", HEADER.encode(), records=0),
        accepted("crlf", text(HEADER, *rows(), end="\r\n"), records=3),
        accepted("blank_lines", text("", HEADER, "", *rows(), "", ""), records=3),
        accepted("blank_lines_crlf", text("", HEADER, "", *rows(), "", end="\r\n"), records=3),
        accepted(
            "whitespace_line",
            text(HEADER, row(0), "   ", row(1)),
            records=3,
            bad={"record.malformed": 1},
        ),
        accepted(
            "short_row",
            text(HEADER, row(0), row(1).rpartition(",")[0], row(2)),
            records=3,
            bad={"record.malformed": 1},
        ),
        accepted(
            "long_row",
            text(HEADER, row(0), row(1) + ",surplus", row(2)),
            records=3,
            bad={"record.malformed": 1},
        ),
        accepted(
            "trailing_delimiter",
            text(HEADER, row(0) + ",", row(1)),
            records=2,
            bad={"record.malformed": 1},
        ),
        accepted(
            "two_commas_only", text(HEADER, row(0), ",,"), records=2, bad={"record.malformed": 1}
        ),
        accepted(
            "all_null_row",
            text(HEADER, row(0), "," * 15),
            records=2,
            bad_records=1,
            bad={
                f"{name}.missing": 1
                for name in (
                    "trade_id",
                    "customer_id",
                    "from_currency",
                    "to_currency",
                    "from_cost",
                    "to_cost",
                    "transaction_date",
                    "transaction_status",
                    "updated_on",
                )
            },
        ),
        accepted(
            "repeated_header",
            text(HEADER, row(0), HEADER, row(1)),
            records=3,
            bad={"record.repeated_header": 1},
        ),
        accepted("quoted_newline_and_comma", text(HEADER, row(0), quoted, row(2)), records=3),
        accepted("crlf_in_quotes", text(HEADER, row(0), twice, row(2)), records=3),
        accepted(
            "crlf_everywhere",
            text(HEADER, row(0), twice, row(2), end="\r\n"),
            records=3,
        ),
        accepted(
            "carriage_return_in_quotes",
            text(HEADER, row(0), row(1, Created_By="one\rtwo")),
            records=2,
        ),
        accepted(
            "all_quoted",
            text(*(",".join(f'"{v}"' for v in r.split(",")) for r in (HEADER, *rows()))),
            records=3,
        ),
        accepted("quote_inside_unquoted", text(HEADER, row().replace("ashah", 'a"b')), records=1),
        accepted("backslash", text(HEADER, row(0, Created_By="a\\"), row(1)), records=2),
        rejected(
            "backslash_quote",
            text(HEADER, row().replace("ashah", '"a\\"b"')),
            "text after a closing quote at line 2; the record begins at line 2",
        ),
        rejected(
            "unclosed_quote",
            text(HEADER, row(0), row(1).replace("ashah", '"open'), row(2)),
            "unclosed quote in the record that begins at line 3",
        ),
        rejected(
            "unclosed_quote_last",
            text(HEADER, row(0), row(1).replace("ashah", '"open')),
            "unclosed quote in the record that begins at line 3",
        ),
        rejected(
            "unclosed_quote_long",
            text(HEADER, row(0).replace("ashah", '"open'), *rows(1000)),
            "field of more than 131072 characters in the record that begins at line 2;"
            " is a quote not closed?",
        ),
        rejected(
            "carriage_returns_only",
            text(HEADER, *rows(), end="\r"),
            "the header is not CSV: bare carriage return outside quotes at line 1",
        ),
        rejected(
            "bare_carriage_return",
            text(HEADER, row(0), row(1).replace("ashah", "a\rb")),
            "bare carriage return outside quotes at line 3",
        ),
        rejected(
            "mixed_line_ends",
            text(HEADER, row(0)) + text(row(1), end="\r\n"),
            "mixed line ends: '\\r\\n' at line 3",
        ),
        rejected(
            "blank_line_of_another_kind",
            text(HEADER, row(0)) + b"\r\n",
            "mixed line ends: '\\r\\n' at line 3",
        ),
        rejected(
            "huge_field",
            text(HEADER, row(0, Created_By="x" * 1_000_000)),
            "field of more than 131072 characters in the record that begins at line 2;"
            " is a quote not closed?",
        ),
        rejected(
            "many_columns", text(HEADER, row(0) + "," * 21_000), "more than 20480 columns at line 2"
        ),
        rejected(
            "huge_line", text(HEADER, "x" * (10 << 20)), "line 2 is longer than 8388608 bytes"
        ),
    ]


def headers() -> list[Case]:
    names = list(GOOD_ROW)
    return [
        accepted(
            "reordered_header",
            text(
                line(reversed(names)),
                line(reversed(row(0).split(","))),
                line(reversed(row(1).split(","))),
            ),
            records=2,
        ),
        accepted("other_case_header", text(HEADER.upper(), *rows()), records=3),
        accepted("spaced_header", text(HEADER.replace(",", " , "), *rows()), records=3),
        accepted(
            "missing_optional_column",
            text(line(names[:-1]), *(r.rpartition(",")[0] for r in rows())),
            records=3,
        ),
        accepted(
            "extra_column", text(HEADER + ",Desk", *(r + ",london" for r in rows())), records=3
        ),
        rejected(
            "missing_required_column",
            text(HEADER.replace("From_Cost,", ""), *rows()),
            "required column missing: From_Cost",
        ),
        rejected(
            "misspelt_required_column",
            text(HEADER.replace("From_Cost", "FromCost"), *rows()),
            "required column missing: From_Cost (nearest: 'FromCost')",
        ),
        rejected(
            "column_given_twice",
            text(HEADER + ",tradeid", *(r + ",x" for r in rows())),
            "header column given twice: 'TradeId', 'tradeid'",
        ),
        rejected(
            "column_without_name",
            text(HEADER + ",", *(r + "," for r in rows())),
            "header column 17 has no name",
        ),
        rejected(
            "line_break_in_header",
            text(HEADER + ',"two\nlines"', *(r + ",x" for r in rows())),
            "header column 17 has a line break: 'two\\nlines'",
        ),
        rejected(
            "no_header",
            text(*rows()),
            "no header: no required column found; the first record begins"
            " '00000000-0000-4000-8000-000000000000',"
            " '10000000-0000-4000-8000-000000000000', 'USD'",
        ),
        rejected(
            "other_delimiter",
            text(HEADER.replace(",", ";"), *(r.replace(",", ";") for r in rows())),
            "columns are separated by ';', not by ','",
        ),
        rejected(
            "only_three_columns",
            text("TradeId,CustomerId,Desk", "a,b,c"),
            "required column missing: From_Currency, To_Currency, From_Cost, To_Cost,"
            " Transaction_Date, Transaction_Status, Updated_on",
        ),
    ]


def encodings() -> list[Case]:
    good = text(HEADER, *rows())
    names = [
        "Zoë",
        "\u201cquoted\u201d",
        "e\u0301",
        "\u202eevil",
        "\u2028",
        "\U0001f600",
        "\x1b[31m",
    ]
    french = text(HEADER, row(0), row(1, Created_By="René")).decode()
    return [
        accepted("utf8_bom", codecs.BOM_UTF8 + good, records=3),
        accepted("utf8_bom_blank_first_line", codecs.BOM_UTF8 + b"\n" + good, records=3),
        accepted(
            "unicode_values",
            text(HEADER, *(row(n, Created_By=name) for n, name in enumerate(names))),
            records=len(names),
        ),
        rejected("latin1", french.encode("latin-1"), "not UTF-8: byte 0xe9 at line 3"),
        rejected(
            "cp1252",
            text(HEADER, row(0, Created_By="“x”")).decode().encode("cp1252"),
            "not UTF-8: byte 0x93 at line 2",
        ),
        rejected("utf16", good.decode().encode("utf-16"), "not UTF-8: byte-order mark of UTF-16"),
        rejected("utf16_no_bom", good.decode().encode("utf-16-be"), "NUL byte at line 1"),
        rejected("utf32", good.decode().encode("utf-32"), "not UTF-8: byte-order mark of UTF-32"),
        rejected(
            "overlong_utf8", good.replace(b"ashah", b"a\xc0\xaf"), "not UTF-8: byte 0xc0 at line 2"
        ),
        rejected(
            "lone_surrogate",
            good.replace(b"ashah", b"\xed\xa0\x80"),
            "not UTF-8: byte 0xed at line 2",
        ),
        rejected(
            "cut_character",
            good + "é".encode()[:1],
            "not UTF-8: the last character is cut off at line 5",
        ),
        rejected("nul_byte", text(HEADER, row(0), row(1, Created_By="a\0b")), "NUL byte at line 3"),
    ]


def packages() -> list[Case]:
    good = text(HEADER, *rows())
    packed = gzip.compress(text(HEADER, *rows(500)), mtime=0)
    bomb = gzip.compress(text(HEADER) + b"\n" * (80 << 20), mtime=0)
    return [
        accepted("good_gzip", packed, records=500, file_name="good_gzip.csv.gz"),
        accepted(
            "gzip_in_two_members",
            gzip.compress(text(HEADER, row(0)), mtime=0) + gzip.compress(text(row(1)), mtime=0),
            records=2,
            file_name="gzip_in_two_members.csv.gz",
        ),
        accepted("upper_case_suffix", good, records=3, file_name="UPPER.CSV"),
        accepted("awkward_name", good, records=3, file_name='it\'s "odd"\n..\x1b[31m $(x).csv'),
        accepted("percent_name", good, records=3, file_name="100%20{}*[a]?.csv"),
        rejected(
            "truncated_gzip",
            packed[: len(packed) // 2],
            "truncated gzip: Compressed file ended before the end-of-stream marker was reached",
            "truncated_gzip.csv.gz",
        ),
        rejected(
            "not_gzip",
            good,
            "not a sound gzip file: Error -3 while decompressing data: incorrect header check",
            "not_gzip.csv.gz",
        ),
        rejected("gzip_bomb", bomb, "compressed more than 100:1", "gzip_bomb.csv.gz"),
        rejected("gzip_named_csv", packed, "not CSV: gzip data; a compressed file is named *.gz"),
        rejected(
            "nested_gzip",
            gzip.compress(packed, mtime=0),
            "not CSV: gzip data; a compressed file is named *.gz",
            "nested_gzip.csv.gz",
        ),
        rejected("parquet_named_csv", b"PAR1\x15\x04\x15", "not CSV: a Parquet file"),
        rejected("zip_named_csv", b"PK\x03\x04\x14\x00", "not CSV: a ZIP archive"),
        rejected(
            "html_named_csv", b"<!DOCTYPE html>\n<title>502</title>\n", "not CSV: HTML or XML"
        ),
        rejected("json_named_csv", b'{"TradeId": 1}\n', "not CSV: JSON"),
        rejected("picture_named_csv", b"\x89PNG\r\n\x1a\n\0", "NUL byte at line 3"),
        rejected(
            "prose_named_csv",
            b"Dear all,\nthe file follows.\n",
            "no header: no required column found; the first record begins 'Dear all', ''",
        ),
        rejected("empty", b"", "empty file"),
        rejected("blank", b"\n\n\n", "no header: the file has only blank lines"),
        rejected("other_suffix", good, "name is not *.csv or *.csv.gz", "trades.txt"),
    ]


def values() -> list[Case]:
    def one(name: str, reason: str, **spoilt: str) -> Case:
        bad = {reason: 1} if reason else {}
        return accepted(name, text(HEADER, row(0), row(1, **spoilt), row(2)), records=3, bad=bad)

    numbers = {
        "words": "abc",
        "exponent": "1e3",
        "not_a_number": "NaN",
        "infinite": "Infinity",
        "thousands": "1,000.00",
        "decimal_comma": "1000,00",
        "full_width": "\uff11\uff12",
        "three_decimals": "1.005",
        "null_word": "NULL",
    }
    return [
        *(one(f"number_{n}", "from_cost.unparseable", From_Cost=v) for n, v in numbers.items()),
        *(one(f"day_{n}", "updated_on.unparseable", Updated_on=v) for n, v in TIMES.items()),
        one("null_trade_id", "trade_id.missing", TradeId=""),
        one("blank_customer_id", "customer_id.missing", CustomerId="   "),
        one("unknown_currency", "from_currency.unknown", From_Currency="XXX"),
        one("unknown_status", "transaction_status.unknown", Transaction_Status="DONE"),
        one("negative_amount", "from_cost.out_of_range", From_Cost="-1.00"),
        one("absurd_amount", "to_cost.out_of_range", To_Cost="99999999999.00"),
        one("leading_zeros", "", From_Cost="0007.50"),
        one("spaces_around", "", From_Cost=" 12.5 ", From_Currency=" usd "),
        one("zone_in_time", "", Updated_on="2026-01-01T00:00:00+14:00"),
        one("no_pip", "", From_Pip=""),
        one("formula", "", Created_By="=cmd|'/c calc'!A0"),
        one("sql", "", Created_By="'; DROP TABLE trades; --"),
        one("html", "", Created_By="<script>alert(1)</script>"),
        accepted(
            "no_good_record",
            text(HEADER, *(row(n, From_Cost="abc") for n in range(3))),
            records=3,
            bad={"from_cost.unparseable": 3},
        ),
        accepted(
            "two_reasons",
            text(HEADER, row(0, From_Cost="-1", To_Currency="XXX"), row(1)),
            records=2,
            bad_records=1,
            bad={"from_cost.out_of_range": 1, "to_currency.unknown": 1},
        ),
    ]


GROUPS: dict[str, Callable[[], list[Case]]] = {
    "Structure": structure,
    "Header": headers,
    "Encoding": encodings,
    "Packaging and name": packages,
    "Values": values,
}


def all_cases() -> list[Case]:
    """Every case, in the order of the documentation."""
    return [case for group in GROUPS.values() for case in group()]
