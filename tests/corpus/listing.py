"""The whole corpus: every dataset in every format that it takes, and what the page shows of it."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from corpus import stocks, trades
from corpus.case import Case
from corpus.csv_files import CsvCases
from corpus.good_records import DATASETS, GoodRecords
from corpus.json_files import JsonCases
from corpus.parquet_files import ParquetCases
from corpus.values import as_csv, as_json_lines, value_cases

SHOWN = "product_returns"  # whose values and Parquet files the page shows


def takes(dataset: str, name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in GoodRecords(dataset).patterns)


def csv_cases(dataset: str) -> Iterator[Case]:
    cases = CsvCases(dataset)
    yield from (*cases.structure(), *cases.refused())
    yield from value_cases(dataset, "csv", as_csv)


def json_cases(dataset: str) -> Iterator[Case]:
    cases = JsonCases(dataset)
    yield from (
        *cases.structure(),
        *cases.names(),
        *cases.arrays(),
        *cases.values(),
        *cases.files(),
    )
    yield from value_cases(dataset, "jsonl", as_json_lines)


def parquet_cases(dataset: str) -> Iterator[Case]:
    cases = ParquetCases(dataset)
    yield from (*cases.structure(), *cases.refused(), *cases.types(), *cases.wrong_types())


FORMATS = {"csv": csv_cases, "jsonl": json_cases, "parquet": parquet_cases}


def cases_of(dataset: str) -> Iterator[Case]:
    """The cases of one dataset, in every format and under every suffix that it takes."""
    for suffix, cases in FORMATS.items():
        if takes(dataset, f"x.{suffix}"):
            yield from (case for case in cases(dataset) if takes(dataset, case.delivered_as))


def every_case() -> list[Case]:
    """The long lists of CSV and JSON, then every dataset in each of its formats."""
    each = [case for dataset in DATASETS for case in cases_of(dataset)]
    return [*trades.all_cases(), *stocks.all_cases(), *each]
