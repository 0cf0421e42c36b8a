"""The files that a group of requests makes, and what is told to each request of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from assay.contracts.load import load_contract
from assay.errors import RequestRefusedError
from assay.gateway.commit import BEHIND_RETRY, Result, new_receipt
from assay.gateway.deliver import Spooled
from assay.gateway.limits import Limits
from assay.gateway.naming import name_by
from assay.gateway.records import Posted, Target
from assay.ledger.receipts import Receipt


@dataclass
class File:
    """A file that is being filled, and what goes into it."""

    target: Target
    name: str
    posted: list[Posted] = field(default_factory=list)
    records: int = 0
    size: int = 0
    spooled: Spooled | None = None

    def content(self) -> bytes:
        """Its bytes before they are packed, in the encoding of the feed."""
        lines = (line for each in self.posted for line in each.prepared.lines)
        content = self.target.head + b"".join(lines)
        if self.target.encoding == "utf-8":
            return content
        return content.decode().encode(self.target.encoding)


def fill_files(group: Sequence[Posted], limits: Limits) -> Iterator[File]:
    """The files that a group makes: as few as their headers and the limits of a file allow."""
    open_files: dict[Target, File] = {}
    for posted in group:
        target, prepared = posted.prepared.target, posted.prepared
        size = sum(map(len, prepared.lines))
        file = open_files.get(target)
        bronze = load_contract("bronze", target.dataset)
        is_full = file is not None and (
            file.size + size > limits.text_of_file(bronze) - len(target.head)
            or file.records + prepared.records > min(limits.records, bronze.limits.records)
        )
        if file is None or is_full:
            if file is not None:
                yield file
            file = open_files[target] = File(target, name_by(target.pattern))
        file.posted.append(posted)
        file.size += size
        file.records += prepared.records
    yield from open_files.values()


def refusals_of(file: File, why: str) -> dict[int, Result]:
    """Why each request of a file is to be sent again."""
    return {id(p): RequestRefusedError(503, why, retry_after=BEHIND_RETRY) for p in file.posted}


def receipts_of(file: File) -> dict[int, Receipt]:
    """The receipt of each request in a file that is spooled, by the identity of the request."""
    made, next_record = {}, 1
    digest = file.spooled.digest if file.spooled else ""
    for posted in file.posted:
        made[id(posted)] = new_receipt(
            posted, file_name=file.name, slice_id=digest, first_record=next_record
        )
        next_record += posted.prepared.records
    return made
