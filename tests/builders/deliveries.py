"""Landing files for tests that run batches: generated sets with their truth, and spoilt copies."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from assay.files import sync_folder
from assay.generate import trades as generator
from assay.generate.options import TradeOptions
from assay.generate.truth import Truth, conclude, create_good_records

UNKNOWN_CURRENCY = "XXX"


def truth_of_first(truth: Truth, files: int) -> Truth:
    """The truth of the first files of a set, taken as one batch: made by making them again."""
    again = replace(truth.options, out=truth.options.out.with_name("again"))
    again.out.mkdir(exist_ok=True)
    with generator._database() as connection:
        create_good_records(connection)
        made = tuple(
            generator._write_file(connection, again, number) for number in range(1, files + 1)
        )
        return conclude(connection, again, made, ())


def make_set(folder: Path, **options: object) -> Truth:
    """Generate a set of trade files below the folder, outside landing."""
    facts = TradeOptions(out=folder / "trades", customers=200, **options)  # type: ignore[arg-type]
    return generator.generate_trades(facts)


def deliver(landing: Path, files: Iterable[Path]) -> list[str]:
    """Let files appear in landing, each by one rename; returns their names."""
    landing.mkdir(parents=True, exist_ok=True)
    names = []
    for file in files:
        writing = landing / f".{file.name}.tmp"
        writing.write_bytes(file.read_bytes())
        writing.replace(landing / file.name)
        names.append(file.name)
    sync_folder(landing)
    return names


def spoil(source: Path, target: Path, *, every: int) -> int:
    """Copy a file with every n-th record made bad by an unknown currency; returns how many."""
    header, *records = csv.reader(io.StringIO(source.read_text(), newline=""))
    spoilt = records[::every]
    for record in spoilt:
        record[2] = UNKNOWN_CURRENCY
    with target.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *records])
    return len(spoilt)


def cut_short(source: Path, target: Path, *, every: int) -> int:
    """Copy a file with the last field of every n-th record missing; returns how many."""
    header, *records = csv.reader(io.StringIO(source.read_text(), newline=""))
    short = records[every - 1 :: every]
    for record in short:
        record.pop()
    with target.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *records])
    return len(short)
