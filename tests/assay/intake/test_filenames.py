"""Names of delivered files."""

from __future__ import annotations

import os

import pytest

from assay.intake.filenames import (
    LONGEST_NAME,
    file_date,
    fit_name,
    is_final,
    unclear_day,
    writable_name,
)

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z


@pytest.mark.parametrize(
    "name",
    [".a.csv", "_a.csv", "a.csv.tmp", "a.csv.part", "a.PARTIAL", "a.filepart", "a.crdownload",
     "a.csv.swp"],
)  # fmt: skip
def test_unfinished_name_is_not_final(name: str) -> None:
    assert not is_final(name)


@pytest.mark.parametrize("name", ["a.csv", "a b.csv", "tmp.csv", "a.tmp.csv", "-rf.csv"])
def test_other_names_are_final(name: str) -> None:
    assert is_final(name)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("trades_2025-12-31_part_1.csv", "2025-12-31"),
        ("trades_2025-02-30_2025-03-01.csv", "2025-03-01"),
        ("trades_12025-12-31.csv", "2026-01-01"),
        ("trades_part_1.csv", "2026-01-01"),
        ("trades_20250105.csv", "2025-01-05"),
        ("trades_2025_01_05.csv", "2025-01-05"),
        ("trades_2025.01.05.csv", "2025-01-05"),
        ("trades_2025-01-05T03-00-00.csv", "2025-01-05"),
        ("trades_20250105T030000Z.csv", "2025-01-05"),
        ("trades_20250105030000.csv", "2025-01-05"),
        ("trades_2025-01-01_to_2025-01-31.csv", "2025-01-01"),
        ("trades_20251301.csv", "2026-01-01"),
        ("trades_2025-01_05.csv", "2026-01-01"),
        ("trades_05-01-2025.csv", "2026-01-01"),
        ("order_12345678.csv", "2026-01-01"),
        ("order_202501059.csv", "2026-01-01"),
    ],
)
def test_date_is_in_the_name_or_is_the_landing_day(name: str, day: str) -> None:
    assert file_date(name, NOON) == day


def test_day_that_the_name_does_not_say_plainly_has_its_why() -> None:
    assert not unclear_day("trades_2025-01-05.csv")
    assert not unclear_day("trades_2025-01-05_20250105.csv")
    assert unclear_day("a_2025-01-01_to_2025-01-31.csv").startswith("the first of the dates")
    assert unclear_day("trades_05-01-2025.csv").startswith("the day that it landed: no date in")


def test_bytes_that_are_not_utf8_are_spelt_out_and_stay_apart() -> None:
    delivered = os.fsdecode(b"a\xe9.csv")
    written = writable_name(delivered)
    assert written.encode("utf-8").startswith(b"a\\xe9.csv~")
    assert written != writable_name("a\\xe9.csv") == "a\\xe9.csv"
    assert writable_name("ü \n'\".csv") == "ü \n'\".csv"


def test_long_name_is_cut_and_stays_apart() -> None:
    first, second = (
        fit_name("ü" * 127 + "1", ".reason.txt"),
        fit_name("ü" * 127 + "2", ".reason.txt"),
    )
    assert first != second
    assert first.endswith(".reason.txt")
    assert len(os.fsencode(first)) <= LONGEST_NAME
    assert fit_name("short", ".x") == "short.x"
