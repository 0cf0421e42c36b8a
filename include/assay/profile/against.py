"""What acceptance would make of a file, and what of it the contract does not know."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assay.contracts.model import Contract
from assay.errors import FileRejectedError, SampleError
from assay.intake.header import is_known, known_names, match_header
from assay.intake.records import Inspection, inspect_file


@dataclass(frozen=True)
class Acceptance:
    """The verdict on one file. `unknown` are columns that no contract names, `absent` optional
    columns of the contract that the file does not have."""

    path: Path
    inspection: Inspection | None
    reason: str = ""
    unknown: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


def accept_one(path: Path, bronze: Contract) -> Acceptance:
    """Inspect a file as accept_files does, where it lies. Raises SampleError when it is not there.

    Neither the books nor what is in landing are asked: content that was delivered before is taken
    for new.
    """
    if not path.exists():
        raise SampleError(f"{path}: no such file")
    try:
        found = inspect_file(path, bronze)
    except FileRejectedError as error:
        return Acceptance(path, None, reason=str(error))
    known, matched = known_names(bronze), match_header(found.header, bronze)
    return Acceptance(
        path=path,
        inspection=found,
        unknown=tuple(name for name in found.header if not is_known(name, known)),
        absent=tuple(c.header or c.name for c in bronze.columns if c.name not in matched),
    )
