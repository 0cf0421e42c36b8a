"""Bad input as CSV, for every dataset that takes it; `corpus.trades` has the whole list for one."""

from __future__ import annotations

import codecs
import gzip
from typing import Any

from corpus.case import Case, accepted, rejected
from corpus.good_records import GoodRecords
from corpus.trades import line, text


class CsvCases:
    """The cases of one dataset."""

    def __init__(self, dataset: str) -> None:
        self.good = GoodRecords(dataset)
        self.dataset = dataset
        self.columns = list(self.good.record())
        self.header = line(self.columns)
        self.rows = [line(record.values()) for record in self.good.records()]

    def structure(self) -> list[Case]:
        first, second, third = self.rows
        malformed = {"record.malformed": 1}
        good = text(self.header, *self.rows)
        return [
            self.accepted("good", good, records=3),
            self.accepted("crlf", text(self.header, *self.rows, end="\r\n"), records=3),
            self.accepted("blank_lines", text("", self.header, "", first, ""), records=1),
            self.accepted("header_only", text(self.header), records=0),
            self.accepted("utf8_bom", codecs.BOM_UTF8 + good, records=3),
            self.accepted(
                "short_row",
                text(self.header, first, second.rpartition(",")[0], third),
                records=3,
                bad=malformed,
            ),
            self.accepted(
                "long_row", text(self.header, first, second + ",x", third), records=3, bad=malformed
            ),
            self.accepted(
                "repeated_header",
                text(self.header, first, self.header, third),
                records=3,
                bad={"record.repeated_header": 1},
            ),
            self.accepted(
                "joined_with_byte_order_marks",
                (codecs.BOM_UTF8 + text(self.header, first))
                + (codecs.BOM_UTF8 + text(self.header, second)),
                records=3,
                bad={"record.repeated_header": 1},
            ),
            self.accepted(
                "extra_column", text(self.header + ",desk", first + ",x", second + ","), records=2
            ),
            self.accepted("other_case_header", text(self.header.upper(), first), records=1),
            self.accepted("good_gzip", gzip.compress(good, mtime=0), records=3, suffix="csv.gz"),
        ]

    def refused(self) -> list[Case]:
        good = text(self.header, *self.rows)
        required = self.good.header_of(self.good.number)
        return [
            self.rejected(
                "unclosed_quote",
                text(self.header, self.rows[0], '"' + self.rows[1]),
                "unclosed quote in the record that begins at line 3",
            ),
            self.rejected(
                "column_given_twice",
                text(self.header + f",{required.upper()}", self.rows[0] + ",x"),
                f"header column given twice: {required!r}, {required.upper()!r}",
            ),
            self.rejected(
                "bare_carriage_return",
                text(self.header, self.rows[0] + "\rx"),
                "bare carriage return outside quotes at line 2",
            ),
            self.rejected(
                "utf16", good.decode().encode("utf-16"), "not UTF-8: byte-order mark of UTF-16"
            ),
            self.rejected("nul_byte", good.replace(b",", b",\0", 1), "NUL byte at line 1"),
            self.rejected("empty", b"", "empty file"),
            self.rejected("blank", b"\n\n", "no header: the file has only blank lines"),
            self.rejected(
                "truncated_gzip",
                gzip.compress(good, mtime=0)[:-12],
                "truncated gzip: Compressed file ended before the end-of-stream marker was reached",
                suffix="csv.gz",
            ),
            *(
                self.rejected(
                    f"gzip_and_{name}",
                    gzip.compress(good, mtime=0) + more,
                    "not a sound gzip file: bytes after its end that are none; pack it again",
                    suffix="csv.gz",
                )
                for name, more in {"zeros": bytes(512), "a_line": b"more\n"}.items()
            ),
            self.rejected(
                "sep_line",
                b"sep=,\n" + good,
                "the first line is 'sep=,', which only a spreadsheet understands;"
                " deliver the file without it",
            ),
            self.rejected(
                "index_of_a_frame",
                text(f",{self.header}", *(f"{n},{row}" for n, row in enumerate(self.rows))),
                "header column 1 has no name",
            ),
        ]

    def accepted(self, name: str, content: bytes, suffix: str = "csv", **facts: Any) -> Case:
        return accepted(
            f"csv_{name}", content, file_name=f"{name}.{suffix}", dataset=self.dataset, **facts
        )

    def rejected(self, name: str, content: bytes, reason: str, suffix: str = "csv") -> Case:
        return rejected(f"csv_{name}", content, reason, f"{name}.{suffix}", self.dataset)
