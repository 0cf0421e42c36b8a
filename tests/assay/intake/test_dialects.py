"""Acceptance reads a file by the dialect of its feed, and refuses what is in another one."""

from __future__ import annotations

import codecs
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from assay.contracts.dialect import Dialect
from assay.errors import FileRejectedError
from assay.intake.records import inspect_file
from assay.intake.survey import BLOCK
from builders.feeds import DIALECTS, HEADER, RECORDS, as_csv, make_feed, name_of

SEMICOLONS = "SaleId;city;amount;pieces;sold_on;sold_at;is_paid\n"


def write(folder: Path, content: bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("dialect", DIALECTS, ids=name_of)
def test_records_are_counted_in_every_dialect(tmp_path: Path, dialect: Dialect) -> None:
    contract = make_feed(tmp_path, **asdict(dialect)).bronze
    for end in ("\n", "\r\n"):
        found = inspect_file(write(tmp_path, as_csv(RECORDS, dialect, end)), contract)
        assert (found.records, found.header) == (len(RECORDS), HEADER)
        plain = [record for record in RECORDS if record[1].isalpha()]
        found = inspect_file(write(tmp_path, as_csv(plain, dialect, end)), contract)
        assert (found.records, found.header) == (len(plain), HEADER)


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_utf16_is_counted_wherever_a_block_ends(tmp_path: Path, mark: bytes) -> None:
    contract = make_feed(tmp_path, encoding="utf-16").bronze
    codec = "utf-16-le" if mark == codecs.BOM_UTF16_LE else "utf-16-be"
    record = ",".join(["1", "\U0001f600\u0a0a", *RECORDS[0][2:]]) + "\r\n"
    for padding in range(3):
        text = ",".join(HEADER) + "\r\n" + "x" * padding + record * (BLOCK // len(record))
        path = write(tmp_path, mark + text.encode(codec))
        assert inspect_file(path, contract).records == BLOCK // len(record)


@pytest.mark.parametrize(
    ("source", "content", "reason"),
    [
        (
            {"encoding": "cp1252"},
            b"SaleId,city,amount\n1,x,1\n2,\x81,1\n",
            "CP1252: byte 0x81 at line 3",
        ),
        (
            {"encoding": "latin-1"},
            codecs.BOM_UTF8 + b"SaleId,city,amount\n",
            "byte-order mark of UTF-8",
        ),
        ({"encoding": "cp1252"}, codecs.BOM_UTF16_LE + b"S\0", "CP1252: byte-order mark of UTF-16"),
        ({"encoding": "utf-16"}, b"SaleId,city,amount\n", "not UTF-16: no byte-order mark"),
        ({"encoding": "utf-16"}, codecs.BOM_UTF8 + b"SaleId", "UTF-16: byte-order mark of UTF-8"),
        ({"encoding": "utf-16"}, "SaleId,city\n1".encode("utf-16")[:-1], "cut off at line 2"),
        ({"encoding": "utf-16"}, "SaleId\n\0".encode("utf-16"), "NUL byte at line 2"),
        (
            {"encoding": "utf-16"},
            "SaleId\n\u0a0a\n".encode("utf-16") + b"\x00\xdc\n\0",
            "not UTF-16: byte 0x00 at line 3",
        ),
        ({"encoding": "utf-8-sig"}, b"SaleId,\xe9\n", "not UTF-8: byte 0xe9 at line 1"),
        ({"delimiter": ";"}, b"SaleId,city,amount\n", "separated by ',', not by ';'"),
        ({"delimiter": ";"}, b"sep=;\n" + SEMICOLONS.encode(), "the first line is 'sep=;'"),
        (
            {"quote": "'"},
            b"SaleId,city,amount\n1,'x,1\n",
            "unclosed quote in the record that begins",
        ),
        (
            {"header": False},
            b"1,2,3\n",
            "first record has 3 fields, not 7; .* position: SaleId, city",
        ),
        ({"header": False}, b"1;x;1;1;;;\n", "separated by ';', not by ','"),
        ({"header": False}, b"\n\n", "no record: the file has only blank lines"),
        ({"header": False}, b'1,"x\n', "the record is not CSV: unclosed quote"),
    ],
)
def test_a_file_in_another_dialect_is_refused(
    tmp_path: Path, source: dict[str, Any], content: bytes, reason: str
) -> None:
    contract = make_feed(tmp_path, **source).bronze
    with pytest.raises(FileRejectedError, match=reason):
        inspect_file(write(tmp_path, content), contract)


@pytest.mark.parametrize(
    ("in_quotes", "end", "is_taken"),
    [
        ("\n", "\n", True),
        ("\r\n", "\r\n", True),
        ("\r\n", "", True),
        ("\n", "\r\n", False),
        ("\r\n", "\n", False),
        ("\r", "\n", False),
        ("\r", "", False),
    ],
)
def test_a_first_record_must_not_mislead_spark_about_line_ends(
    tmp_path: Path, in_quotes: str, end: str, *, is_taken: bool
) -> None:
    contract = make_feed(tmp_path, header=False).bronze
    path = write(tmp_path, f'1,"a{in_quotes}b",1,1,,,{end}'.encode())
    if is_taken:
        assert inspect_file(path, contract).records == 1
        return
    with pytest.raises(FileRejectedError, match="the first record has the line break"):
        inspect_file(path, contract)


def test_latin1_takes_every_byte_but_nul(tmp_path: Path) -> None:
    contract = make_feed(tmp_path, encoding="latin-1").bronze
    odd = bytes({*range(1, 256)} - {*b'\r\n",'})
    path = write(tmp_path, b"SaleId,city,amount\n1," + odd + b",1\n")
    assert inspect_file(path, contract).records == 1


def test_a_patch_has_a_header_where_the_files_of_its_feed_have_none(tmp_path: Path) -> None:
    contract = make_feed(tmp_path, header=False).bronze
    content = b"row_id,SaleId,city,amount\nf:1,1,x,1\n"
    found = inspect_file(write(tmp_path, content, "patch-1.csv"), contract)
    assert (found.records, found.header) == (1, ["row_id", "SaleId", "city", "amount"])
