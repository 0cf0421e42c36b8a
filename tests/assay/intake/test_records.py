"""Inspection against the corpus of bad input, and the traps of counting records."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from assay.contracts.load import load_contract
from assay.errors import FileRejectedError
from assay.intake.header import match_header
from assay.intake.records import inspect_file
from assay.intake.survey import BLOCK, hash_file
from corpus.case import Case
from corpus.document import PAGE, document
from corpus.listing import every_case
from corpus.trades import HEADER, all_cases, row, rows, text

CONTRACT = load_contract("bronze", "trades")
CASES = every_case()


def deliver(folder: Path, case: Case) -> Path:
    path = folder / case.delivered_as
    path.write_bytes(case.content)
    return path


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.dataset}-{case.name}")
def test_every_case_of_the_corpus_gets_its_verdict(case: Case, tmp_path: Path) -> None:
    path, contract = deliver(tmp_path, case), load_contract("bronze", case.dataset)
    if case.verdict == "rejected":
        with pytest.raises(FileRejectedError) as refusal:
            inspect_file(path, contract)
        assert str(refusal.value) == case.reason
    else:
        found = inspect_file(path, contract)
        assert found.records == case.records
        assert found.slice_id == hash_file(path)[0]
        assert found.size_bytes == len(case.content)


def test_corpus_names_are_unique() -> None:
    assert len({(case.dataset, case.name) for case in CASES}) == len(CASES)
    assert len({case.delivered_as for case in all_cases()}) == len(all_cases())


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_count_is_the_same_wherever_a_block_ends(tmp_path: Path, ending: str, quote: str) -> None:
    record = row(0, Created_By=f"{quote}é,\n{quote}" if quote else "é")
    path = tmp_path / "t.csv"
    for padding in range(4):
        count = 2 * BLOCK // len(record)
        lines = [HEADER, row(0, Created_By="x" * padding), *[record] * count]
        path.write_bytes(text(*lines, end=ending))
        assert inspect_file(path, CONTRACT).records == count + 1


def test_bad_byte_behind_the_first_block_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    good = rows(2 * BLOCK // len(row()))
    path.write_bytes(text(HEADER, *good) + b"\xe9\n")
    with pytest.raises(FileRejectedError, match=f"byte 0xe9 at line {len(good) + 2}$"):
        inspect_file(path, CONTRACT)


def test_character_cut_by_the_end_of_a_block_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    head = text(HEADER, row(0))
    filler = b"x" * (BLOCK - len(head) - 1)
    path.write_bytes(head + filler + b"\xc3" + b"\n" + b"x" * BLOCK)
    with pytest.raises(FileRejectedError, match=r"^not UTF-8: byte 0xc3 at line 3$"):
        inspect_file(path, CONTRACT)


def test_count_does_not_depend_on_another_field_limit_of_the_process(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text(HEADER, row(0, Created_By='"' * 100)))
    before = csv.field_size_limit(10)
    try:
        assert inspect_file(path, CONTRACT).records == 1
    finally:
        csv.field_size_limit(before)


def test_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "real.csv"
    target.write_bytes(text(HEADER, *rows()))
    link = tmp_path / "link.csv"
    link.symlink_to(target)
    with pytest.raises(FileRejectedError, match=r"^symbolic link$"):
        inspect_file(link, CONTRACT)


def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(FileRejectedError, match=r"^not a regular file$"):
        inspect_file(tmp_path / "pipe.csv", CONTRACT)


def test_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(FileRejectedError, match=r"^not a regular file$"):
        inspect_file(tmp_path / "folder.csv", CONTRACT)


def test_header_matches_by_name_and_leaves_unknown_columns_out() -> None:
    found = match_header([" updated_ON", "Desk", "TradeId"], CONTRACT)
    assert found == {"trade_id": 2, "updated_on": 0}


def test_documentation_is_written_from_the_corpus() -> None:
    assert PAGE.read_text() == document(), "run: python tests/corpus/document.py"
