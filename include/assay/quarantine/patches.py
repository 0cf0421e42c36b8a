"""Patches: files of corrected records, each of which replaces a quarantined row."""

from __future__ import annotations

import csv
import gzip
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from assay.contracts.dialect import Dialect
from assay.contracts.load import load_contract
from assay.errors import BatchError
from assay.intake.csv_files import csv_rules, reading_encoding
from assay.intake.filenames import PATCH_PREFIX, is_patch
from assay.intake.records import check_patch_header, inspect_file
from assay.quarantine.formulas import take_mark_away
from assay.settings import Settings
from assay.storage.addresses import ObjectPath
from assay.storage.files import written_whole
from assay.storage.objects import create, exists


def deliver_patch(settings: Settings, dataset: str, file: Path) -> str:
    """Copy a patch into landing under a name that only a patch run takes; returns the name.

    The apostrophes that `assay quarantine export` puts before what looks like a formula are taken
    away. Raises FileRejectedError when it could not be taken, before anything is copied.
    """
    name = file.name if is_patch(file.name) else f"{PATCH_PREFIX}{file.name}"
    place = settings.landing / dataset / name
    waiting = f"{place}: is waiting there already; rename the patch, or take that away"
    if exists(place):
        raise BatchError(waiting)
    contract = load_contract("bronze", dataset)
    inspected = inspect_file(file, contract)
    check_patch_header(inspected.header)
    with _without_marks(file, contract.dialect, is_csv=inspected.format == "csv") as content:
        if isinstance(place, ObjectPath):
            if not create(place, content.read_bytes()):
                raise BatchError(waiting)
            return name
        with written_whole(place) as temporary:
            shutil.copyfile(content, temporary)
    return name


@contextmanager
def _without_marks(file: Path, dialect: Dialect, *, is_csv: bool) -> Iterator[Path]:
    """The file itself, unless a field of it has a mark: then a copy that has none."""
    if not is_csv or not any(
        field != take_mark_away(field) for record in _records(file, dialect) for field in record
    ):
        yield file
        return
    with tempfile.TemporaryDirectory(prefix="assay-patch-") as folder:
        copy = Path(folder, file.name)
        with _open(copy, "wt", dialect.encoding) as text:
            writer = csv.writer(text, csv_rules(dialect))
            for record in _records(file, dialect):
                writer.writerow([take_mark_away(field) for field in record])
        yield copy


def _records(file: Path, dialect: Dialect) -> Iterator[list[str]]:
    with _open(file, "rt", reading_encoding(dialect)) as text:
        yield from csv.reader(text, csv_rules(dialect))


def _open(file: Path, mode: str, encoding: str) -> IO[str]:
    """Text of a file that may be packed; line ends are left to the csv module."""
    options = {"encoding": encoding, "newline": ""}
    if file.name.casefold().endswith(".gz"):
        return cast(IO[str], gzip.open(file, mode, **options))  # type: ignore[call-overload]
    return cast(IO[str], file.open(mode, **options))  # type: ignore[call-overload]
