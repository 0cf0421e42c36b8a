"""Inspection of one delivered file by its format, and its record count, independent of Spark."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from assay.contracts.model import Contract
from assay.errors import ContractError, FileRejectedError
from assay.intake.csv_files import inspect_csv
from assay.intake.filenames import PATCHED_ROW, is_patch
from assay.intake.json_files import inspect_json
from assay.intake.limits import refuse_above
from assay.intake.parquet_files import inspect_parquet
from assay.intake.survey import hash_file

FORMATS = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
}


@dataclass(frozen=True)
class Inspection:
    """What is known of a file that can be taken; `slice_id` is the sha256 of its bytes.

    `header` are the names of its columns, of JSON those of the fields of all its records.
    """

    slice_id: str
    size_bytes: int
    format: str
    records: int
    header: list[str]


def inspect_file(path: Path, contract: Contract) -> Inspection:
    """Check a file and count its records.

    Raises FileRejectedError, with the reason that is recorded, when the file cannot be taken.
    """
    slice_id, size = hash_file(path)
    kind = _format_of(matching_suffix(path.name, contract))
    if not size:
        raise FileRejectedError("empty file")
    readers = {"csv": inspect_csv, "json": inspect_json, "parquet": inspect_parquet}
    try:
        found, records, header = readers[kind](path, contract, size)
    except (EOFError, zlib.error) as error:
        what = "truncated gzip" if isinstance(error, EOFError) else "not a sound gzip file"
        raise FileRejectedError(f"{what}: {error}") from error
    refuse_above(contract, "records", records, "records", "deliver several files")
    if is_patch(path.name):
        check_patch_header(header)
    return Inspection(
        slice_id=slice_id, size_bytes=size, format=found, records=records, header=header
    )


def check_patch_header(header: list[str]) -> None:
    """Raise FileRejectedError for a patch that does not say what it replaces."""
    if PATCHED_ROW not in header:
        raise FileRejectedError(f"a patch has a column {PATCHED_ROW}, which says what it replaces")


def matching_suffix(name: str, contract: Contract) -> str:
    """The suffix, such as `.csv.gz`, of the longest pattern that a file name matches."""
    source = contract.source
    if source is None:
        raise ContractError(f"{contract.path}: source is missing")
    fitting = [p for p in source.patterns if fnmatchcase(name.casefold(), p.casefold())]
    if not fitting:
        raise FileRejectedError(f"name is not {' or '.join(source.patterns)}")
    return "".join(PurePath(max(fitting, key=len)).suffixes)


def _format_of(suffix: str) -> str:
    plain = suffix.removesuffix(".gz")
    if plain not in FORMATS:
        raise ContractError(f"files named *{suffix} have no format; known: {', '.join(FORMATS)}")
    return FORMATS[plain]
