"""Values that break a rule of the contract, for every dataset, in each text format it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from assay.contracts.columns import Column
from corpus.case import Case, accepted
from corpus.good_records import GoodRecords
from corpus.json_files import as_line, lines
from corpus.trades import TIMES, line, text

NUMBERS = {
    "words": "abc",
    "exponent": "1e3",
    "not_a_number": "NaN",
    "infinite": "Infinity",
    "thousands": "1,000.00",
    "full_width": "\uff11\uff12",
    "null_word": "null",
}
Write = Callable[[list[dict[str, str]]], bytes]


def as_csv(records: list[dict[str, str]]) -> bytes:
    return text(line(records[0]), *(line(record.values()) for record in records))


def as_json_lines(records: list[dict[str, str]]) -> bytes:
    return lines(*map(as_line, records))


def spoilt_texts(good: GoodRecords) -> Iterator[tuple[str, Column, str, str]]:
    """Name, column, text and the reason that is expected."""
    number, time, key = good.number, good.time, good.key
    for name, value in NUMBERS.items():
        yield f"number_{name}", number, value, f"{number.name}.unparseable"
    for name, value in TIMES.items():
        yield f"time_{name}", time, value, f"{time.name}.unparseable"
    yield "blank_number", number, "  ", f"{number.name}.missing"
    yield "blank_time", time, "  ", f"{time.name}.missing"
    if number.minimum is not None:
        yield "too_little", number, "-1", f"{number.name}.out_of_range"
    if good.vocabulary:
        word = good.vocabulary
        yield "unknown_word", word, "no such word", f"{word.name}.unknown"
    yield "time_before_year_1", time, "0001-01-01T00:00+14:00", f"{time.name}.out_of_range"
    if not key.hash_of:
        yield "blank_key", key, "   ", f"{key.name}.missing"
        yield "invisible_key", key, "\u200b\ufeff", f"{key.name}.missing"
    if key.max_length:
        yield "key_too_long", key, "k" * (key.max_length + 1), f"{key.name}.too_long"


def value_cases(dataset: str, suffix: str, write: Write) -> Iterator[Case]:
    """Each spoilt value between two good records, as one file."""
    good = GoodRecords(dataset)
    for name, column, value, reason in spoilt_texts(good):
        records = [good.record(0), good.record(1, **{column.name: value}), good.record(2)]
        yield accepted(
            f"{suffix}_{name}",
            write(records),
            records=3,
            bad={reason: 1},
            file_name=f"{name}.{suffix}",
            dataset=dataset,
        )
