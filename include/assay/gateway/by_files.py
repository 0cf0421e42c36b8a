"""Records become safe as files in landing: one file of each kind for all requests of a group.

The order is what makes `kill -9` harmless, see docs/decisions/0030: spool and sync the file, write
the receipts, hand the file over, answer. Before the receipts nobody was told anything, and the file
goes; from then on it is handed over, by this process or by the next one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from assay.contracts.load import load_contract
from assay.events.event import Progress
from assay.events.sinks import emit
from assay.failpoints import reach
from assay.gateway.commit import Made, new_receipt
from assay.gateway.deliver import Deliverer, Spooled, drop, packed
from assay.gateway.limits import Limits
from assay.gateway.naming import name_by
from assay.gateway.records import Posted, Target
from assay.ledger.receipts import Receipt, Writes, has_receipts, write_receipts


@dataclass
class File:
    """A file that is being filled, and what goes into it."""

    target: Target
    name: str
    posted: list[Posted] = field(default_factory=list)
    records: int = 0
    size: int = 0

    def content(self) -> bytes:
        """Its bytes before they are packed, in the encoding of the feed."""
        lines = (line for each in self.posted for line in each.prepared.lines)
        content = self.target.head + b"".join(lines)
        if self.target.encoding == "utf-8":
            return content
        return content.decode().encode(self.target.encoding)


class ByFiles:
    """Hands groups over as files."""

    writes: Writes = "files"

    def __init__(self, deliverer: Deliverer, limits: Limits) -> None:
        self.deliverer, self.limits = deliverer, limits
        self.unsettled: list[Spooled] = []

    def begin(self) -> None:
        """Look for what an earlier gateway has left. Raises OSError."""
        self.unsettled = [*self.deliverer.left_behind()]

    def settle(self, connection: psycopg.Connection[Any]) -> None:
        """Hand over what was promised, and drop what was not. Raises OSError, ObjectStoreError."""
        for file in [*self.unsettled]:
            if has_receipts(connection, file.name):
                self.deliverer.hand_over([file])
                emit(Progress(f"handed over {file.dataset}/{file.name}, which was promised before"))
            else:
                drop(file)
            self.unsettled.remove(file)

    def hand_over(self, connection: psycopg.Connection[Any], group: Sequence[Posted]) -> Made:
        """The receipt of each request. Raises OSError, ObjectStoreError and those of Postgres."""
        made: dict[int, Receipt] = {}
        files = [*fill_files(group, self.limits)]
        spooled = [self._spool(file) for file in files]
        reach("gateway.spooled")
        for file, on_disk in zip(files, spooled, strict=True):
            made |= receipts_of(file, on_disk)
        write_receipts(connection, made.values())
        reach("gateway.written")
        self.deliverer.hand_over(spooled)
        reach("gateway.handed_over")
        self.unsettled = []
        return {**made}

    def close(self) -> None:
        """Nothing: what is not settled is on disk."""

    def _spool(self, file: File) -> Spooled:
        """From here on the file is unsettled: the books decide, should anything go wrong."""
        content = packed(file.name, file.content())
        spooled = self.deliverer.spool(file.target.dataset, file.name, content)
        self.unsettled.append(spooled)
        return spooled


def fill_files(group: Sequence[Posted], limits: Limits) -> Iterator[File]:
    """The files that a group makes: as few as their headers and the limits of a file allow."""
    open_files: dict[Target, File] = {}
    for posted in group:
        target, prepared = posted.prepared.target, posted.prepared
        size = sum(map(len, prepared.lines))
        file = open_files.get(target)
        own = load_contract("bronze", target.dataset).limits
        is_full = file is not None and (
            file.size + size > min(limits.file_bytes, own.unpacked_bytes - len(target.head))
            or file.records + prepared.records > min(limits.records, own.records)
        )
        if file is None or is_full:
            if file is not None:
                yield file
            file = open_files[target] = File(target, name_by(target.pattern))
        file.posted.append(posted)
        file.size += size
        file.records += prepared.records
    yield from open_files.values()


def receipts_of(file: File, spooled: Spooled) -> dict[int, Receipt]:
    """The receipt of each request in a file, by the identity of the request."""
    made, next_record = {}, 1
    for posted in file.posted:
        made[id(posted)] = new_receipt(
            posted, file_name=file.name, slice_id=spooled.digest, first_record=next_record
        )
        next_record += posted.prepared.records
    return made
