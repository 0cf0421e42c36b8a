"""Bad input as JSON lines or one JSON array, for every dataset that takes JSON."""

from __future__ import annotations

import codecs
import gzip
import json
from collections.abc import Iterator
from typing import Any

from corpus.case import Case, accepted, rejected
from corpus.good_records import GoodRecords

DEEP = 100_000


def nested(record: dict[str, Any]) -> dict[str, Any]:
    """The record with dotted headers as objects within."""
    found: dict[str, Any] = {}
    for header, value in record.items():
        *outer, name = header.split(".")
        place = found
        for part in outer:
            place = place.setdefault(part, {})
        place[name] = value
    return found


def as_line(record: dict[str, Any]) -> str:
    return json.dumps(nested(record))


def lines(*parts: str, end: str = "\n") -> bytes:
    return "".join(part + end for part in parts).encode()


def broken_arrays(array: bytes) -> Iterator[tuple[str, bytes, str]]:
    """Name, content and what is wrong with it."""
    size, colon = len(array), array.index(b'": ') + 2
    more = f"Extra data: line 2 column 1 (char {size + 1})"
    yield "array_and_more", array + b"\n{}", more
    yield "two_arrays", array + b"\n" + array, more
    cut = f"Expecting ',' delimiter: line 1 column {size} (char {size - 1})"
    yield "array_cut_off", array[:-1], cut
    broken = f"Expecting ':' delimiter: line 1 column {colon + 1} (char {colon})"
    yield "array_with_broken_object", array.replace(b'": ', b'" ', 1), broken
    twice = array.replace(b"{", b'{"twice": 1, "twice": 2, ', 1)
    start = json.dumps({"twice": 2, **json.loads(array)[0]})[:80]
    yield "array_with_duplicate_keys", twice, f"a field is given twice in {start}"
    nan = array.replace(b"{", b'{"unknown": NaN, ', 1)
    yield "array_with_not_a_number", nan, "NaN is no JSON number"


class JsonCases:
    """The cases of one dataset."""

    def __init__(self, dataset: str) -> None:
        self.good = GoodRecords(dataset)
        self.dataset = dataset
        self.lines = [as_line(record) for record in self.good.records()]

    def structure(self) -> list[Case]:
        first, second, third = self.lines
        good = lines(first, second, third)
        return [
            self.accepted("lines", good, records=3),
            self.accepted("no_trailing_newline", good.rstrip(), records=3),
            self.accepted("crlf", lines(first, second, end="\r\n"), records=2),
            self.accepted("blank_lines", lines("", first, "", second, ""), records=2),
            self.accepted("utf8_bom", b"\xef\xbb\xbf" + good, records=3),
            self.accepted("spaces_around", lines(f"  {first}\t", second), records=2),
            self.accepted(
                "joined_with_byte_order_marks",
                lines(first) + codecs.BOM_UTF8 + b"\n" + codecs.BOM_UTF8 + lines(second),
                records=2,
            ),
            *self.malformed_lines(),
        ]

    def names(self) -> list[Case]:
        """Lines with an odd name in one record, which is good or malformed; the others are read."""
        line, header = self.lines[1], self.good.header_of(self.good.number)
        flat = json.dumps(self.good.records()[1])
        other = f'"{header.upper()}"'
        good = {
            "one_record_in_another_spelling": line.replace(f'"{header}"', other),
            "spellings_that_agree": self.twice(header),
            "flattened": flat,
            "name_blank": line[:-1] + ', "": 1, " ": 2}',
            "name_reserved": line[:-1] + ', "malformed_record": 1, "_metadata": 2}',
            "name_with_line_break": line[:-1] + ', "a\\nb": 1}',
            "unknown_name_in_two_spellings": line[:-1] + ', "desk": 1, "Desk": 2}',
            "name_too_long_to_list": line[:-1] + f', "{"n" * 30_000}": 1}}',
            "thousands_of_names": line[:-1] + "".join(f', "n{n}": 1' for n in range(3_000)) + "}",
        }
        bad = {
            "spellings_that_differ": self.twice(header, "8"),
            "name_with_half_a_character": line[:-1] + ', "\\ud800": 1}',
            "name_with_nul": line[:-1] + ', "a\\u0000": 1}',
        }
        return [
            *(self.between(name, body, "") for name, body in good.items()),
            *(self.between(name, body, "record.malformed") for name, body in bad.items()),
        ]

    def twice(self, header: str, value: str = "7") -> str:
        """A good record whose number is 7, and this text in another spelling of its name."""
        record = self.good.record(1, **{self.good.number.name: "7"})
        return as_line(record)[:-1] + f', "{header.upper()}": "{value}"}}'

    def malformed_lines(self) -> list[Case]:
        """Lines that are one malformed record each, between two good ones."""
        line = self.lines[1]
        bodies = {
            "broken_line": line[: len(line) // 2],
            "last_brace_missing": line[:-1],
            "duplicate_keys": line[:-1] + f", {line[1:]}",
            "duplicate_keys_in_an_unknown_field": self.with_field('{"a": 1, "a": 2}'),
            "deep_nesting": self.with_field("[" * DEEP + "]" * DEEP),
            "not_a_number": self.with_field("NaN"),
            "infinite": self.with_field("-Infinity"),
            "two_objects": line + line,
            "text_after_the_object": line + " x",
            "an_array": f"[{line}]",
            "a_number": "7",
            "a_text": '"text"',
            "a_null": "null",
            "single_quotes": line.replace('"', "'"),
            "trailing_comma": line[:-1] + ",}",
            "comment": line + " // ok",
            "leading_zero": self.with_field("007"),
            "bare_control_character": self.with_field('"a\tb"'),
            "lone_surrogate": self.with_field('"\\ud800"'),
            "number_huge": self.raw_number("9" * 400),
            "number_huge_exponent": self.raw_number("1e400"),
            "words": "see attachment",
            "text_after_an_end_of_array": line + "] x",
        }
        return [self.between(name, body, "record.malformed") for name, body in bodies.items()]

    def arrays(self) -> list[Case]:
        array = [nested(record) for record in self.good.records()]
        text = json.dumps(array).encode()
        return [
            self.accepted("top_level_array", text, records=3, suffix="json"),
            self.accepted(
                "indented_array", json.dumps(array, indent=2).encode(), records=3, suffix="json"
            ),
            self.accepted("array_named_jsonl", text, records=3),
            self.accepted(
                "array_of_number_like_texts",
                self.number_like(as_array=True),
                records=5,
                suffix="json",
            ),
            self.accepted("empty_array", b" []\n", records=0),
            *self.refused_arrays(text),
            self.accepted("array_after_blank_line", b"\n \n" + text, records=3, suffix="json"),
            *(
                self.rejected(name, content, f"begins as a JSON array but is none: {why}", "json")
                for name, content, why in broken_arrays(text)
            ),
        ]

    def refused_arrays(self, array: bytes) -> list[Case]:
        """Sound for Python, and not for Spark."""

        def with_field(value: str) -> bytes:
            return array.replace(b"{", f'{{"unknown": {value}, '.encode(), 1)

        deep = "JSON array nested too deep; deliver one record a line"
        limit = f"source.limits.nesting in datasets/{self.dataset}/dataset.yaml"
        nested = f"more than 500 levels of nesting; deliver one record a line, or raise {limit}"
        half = "record 1 of the JSON array has half a character, such as \\ud800"
        names = (
            "JSON array with more than 1,000 field names, or one of more than 1,000 characters;"
            " deliver one record a line"
        )
        many = json.dumps({f"n{number}": 1 for number in range(1_001)})
        return [
            self.rejected(name, with_field(value), reason, suffix="json")
            for name, value, reason in [
                ("array_with_half_a_character", '"\\ud800"', half),
                ("array_with_half_a_character_in_a_name", '{"\\udc00": 1}', half),
                ("array_nested_600_deep", "[" * 600 + "]" * 600, nested),
                ("array_nested_100000_deep", "[" * DEEP + "]" * DEEP, deep),
                ("array_of_a_thousand_names", many, names),
                ("array_with_a_long_name", f'{{"{"n" * 1_001}": 1}}', names),
            ]
        ]

    def number_like(self, *, as_array: bool = False) -> bytes:
        """Records with texts that look like numbers that are not exact, or like a NUL."""
        texts = ["ord:12e3456", "a,9e100x", "2001:5e123::1", f"oid: 2.25.{'3' * 39}", "C:\\u0000x"]
        records = [
            nested(self.good.record(number, **{self.good.words.name: words}))
            for number, words in enumerate(texts)
        ]
        if as_array:
            return json.dumps(records).encode()
        return lines(*map(json.dumps, records))

    def values(self) -> list[Case]:
        number, words = self.good.number, self.good.words.name
        missing, unparseable = f"{number.name}.missing", f"{number.name}.unparseable"
        return [
            self.spoilt("number_as_number", "", **{number.name: 7}),
            self.spoilt("number_as_text", "", **{number.name: " 7 "}),
            self.spoilt("number_true", unparseable, **{number.name: True}),
            self.spoilt("number_an_object", "record.malformed", **{number.name: {"value": 7}}),
            self.spoilt("number_a_list", "record.malformed", **{number.name: [7]}),
            self.spoilt("words_a_number", "", **{words: 7}),
            self.spoilt("words_true", "", **{words: True}),
            self.spoilt("words_an_object", "record.malformed", **{words: {"value": "A"}}),
            self.spoilt("words_a_list", "record.malformed", **{words: ["A"]}),
            self.spoilt("words_like_a_list", "", **{words: '["A"]'}),
            self.accepted("number_like_texts", self.number_like(), records=5),
            self.between("exact_exponent", self.raw_number("1e1"), ""),
            self.between("number_null", self.raw_number("null"), missing),
            self.spoilt("field_missing", missing, **{number.name: None}),
            self.accepted(
                "unknown_fields",
                lines(self.lines[0], self.with_field('{"deep": [1, {"er": null}]}')),
                records=2,
            ),
            self.accepted(
                "escapes", lines(self.with_field(r'"\ud83d\ude00 \u00e9 \" \n"')), records=1
            ),
        ]

    def files(self) -> list[Case]:
        good = lines(*self.lines)
        packed = gzip.compress(good, mtime=0)
        header = self.good.header_of(self.good.number).rpartition(".")[2]
        return [
            self.accepted("good_gzip", packed, records=3, suffix="jsonl.gz"),
            self.accepted("named_json", good, records=3, suffix="json"),
            self.accepted("blank", b"\n \n", records=0),
            self.accepted(
                "other_case_of_fields",
                good.replace(f'"{header}"'.encode(), f'"{header.upper()}"'.encode()),
                records=3,
            ),
            *self.refused(good, packed, header),
        ]

    def refused(self, good: bytes, packed: bytes, header: str) -> list[Case]:
        renamed = good.replace(f'"{header}"'.encode(), b'"unheard_of"')
        return [
            self.rejected(
                "truncated_gzip",
                packed[: len(packed) // 2],
                "truncated gzip: Compressed file ended before the end-of-stream marker was reached",
                suffix="jsonl.gz",
            ),
            self.rejected("latin1", good + b'{"a": "\xe9"}\n', "not UTF-8: byte 0xe9 at line 4"),
            self.rejected(
                "utf16", good.decode().encode("utf-16"), "not UTF-8: byte-order mark of UTF-16"
            ),
            self.rejected("nul_byte", good.replace(b'": "', b'": "\0', 1), "NUL byte at line 1"),
            self.rejected("empty", b"", "empty file"),
            self.rejected(
                "gzip_padded_with_zeros",
                packed + bytes(512),
                "not a sound gzip file: bytes after its end that are none; pack it again",
                suffix="jsonl.gz",
            ),
            self.rejected(
                "csv_named_jsonl",
                b"a,b\n1,2\n",
                "not JSON: none of its 2 lines is a JSON object",
            ),
            self.rejected("parquet_named_jsonl", b"PAR1\x15\x04\x15", "not JSON: a Parquet file"),
            self.rejected("required_field_in_no_record", renamed, self.good.missing_reason(header)),
            self.rejected(
                "pretty_printed",
                json.dumps(json.loads(self.lines[0]), indent=2).encode(),
                "not JSON lines: an object goes over several lines; deliver each record on one"
                " line, or all of them as one array",
            ),
            self.rejected(
                "records_inside_a_field",
                f'{{"data": [{self.lines[0]}], "next": null}}'.encode(),
                "one object around all records, which are in its field 'data'; deliver them one a"
                " line, or as one array",
            ),
        ]

    def with_field(self, value: str) -> str:
        """A good record as a line, with an unknown field of this text."""
        return f'{self.lines[1][:-1]}, "unknown": {value}}}'

    def raw_number(self, text: str) -> str:
        """A good record as a line, with a number of just this text."""
        line = as_line(self.good.record(1, **{self.good.number.name: "PLACE"}))
        return line.replace('"PLACE"', text)

    def spoilt(self, name: str, reason: str, /, **values: Any) -> Case:
        return self.between(name, as_line(self.good.record(1, **values)), reason)

    def between(self, name: str, line: str, reason: str) -> Case:
        """A line between two good ones."""
        return self.accepted(
            name,
            lines(self.lines[0], line, self.lines[2]),
            records=3,
            bad={reason: 1} if reason else {},
        )

    def accepted(self, name: str, content: bytes, suffix: str = "jsonl", **facts: Any) -> Case:
        return accepted(
            f"jsonl_{name}", content, file_name=f"{name}.{suffix}", dataset=self.dataset, **facts
        )

    def rejected(self, name: str, content: bytes, reason: str, suffix: str = "jsonl") -> Case:
        return rejected(f"jsonl_{name}", content, reason, f"{name}.{suffix}", self.dataset)
