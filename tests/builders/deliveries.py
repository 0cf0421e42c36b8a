"""Landing files for tests that run batches: generated sets with their truth, and spoilt copies."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from assay.generate.options import SetOptions
from assay.generate.recipes import recipe_of
from assay.generate.truth import Truth
from assay.generate.write import generate, remake_first
from assay.storage.files import sync_folder

UNKNOWN_CURRENCY = "XXX"
AGED = 60  # seconds; a file that has not changed for so long is taken without a wait


def truth_of_first(truth: Truth, files: int) -> Truth:
    """The truth of the first files of a set, taken as one batch: made by making them again."""
    return remake_first(truth, files, truth.options.out.with_name("again"))


def make_set(folder: Path, dataset: str = "trades", **options: object) -> Truth:
    """Generate a set of files below the folder, outside landing."""
    facts = recipe_of(dataset).options(folder / dataset, **{"customers": 200, **options})
    return generate(dataset, facts)


def small(dataset: str, out: Path, **changes: Any) -> SetOptions:
    """Options of 3,000 records with many defects, copies and versions."""
    facts = {"files": 6, "rows": 500, "customers": 50, "defects": 0.1, "updates": 0.1, "late": 0.1}
    facts |= {"duplicates": 0.05, "gzip_every": 0}
    return recipe_of(dataset).options(out, **{**facts, **changes})


def age(path: Path) -> Path:
    """Make a file look as if its sender had finished it a minute ago."""
    moment = time.time() - AGED
    os.utime(path, (moment, moment))
    return path


def deliver(landing: Path, files: Iterable[Path]) -> list[str]:
    """Let files appear in landing, each by one rename; returns their names."""
    landing.mkdir(parents=True, exist_ok=True)
    names = []
    for file in files:
        writing = landing / f".{file.name}.tmp"
        writing.write_bytes(file.read_bytes())
        age(writing).replace(landing / file.name)
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
