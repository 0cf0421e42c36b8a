"""Slices of streams beside landed files: a batch claims those that no live batch has.

Nothing of them is moved: the file of a slice lies where the stream has put it until a release
archives it, and a claim that ends leaves it there for the next batch.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from assay.batch.run import Run
from assay.batch.slices import Slice
from assay.errors import BatchError
from assay.ledger import Delivery
from assay.ledger.query import Connection
from assay.ledger.stream_slices import unclaimed
from assay.storage.addresses import as_place
from assay.storage.objects import exists


def claimable(connection: Connection, run: Run) -> list[Delivery]:
    """What a run takes of streams, as accepted deliveries; a run that patches rows takes nothing.

    Raises BatchError when the file of a slice is gone.
    """
    if run.kind.replaces_rows:
        return []
    return [
        _delivery(taken)
        for dataset in run.datasets
        for taken in unclaimed(connection, dataset)
        if _is_asked_for(run, taken)
    ]


def _is_asked_for(run: Run, taken: Slice) -> bool:
    is_of_day = run.only_day is None or taken.slice_date == run.only_day
    return is_of_day and fnmatchcase(taken.source_file, run.params.landing_glob)


def _delivery(taken: Slice) -> Delivery:
    if not exists(as_place(taken.path)):
        raise BatchError(
            f"{taken.path}: is gone, and holds {taken.records:,} records that a stream has recorded"
            f" as slice {taken.slice_id} of {taken.dataset}; put it back from a backup, and clear"
            " accept_files"
        )
    return Delivery(
        dataset=taken.dataset,
        source_file=taken.source_file,
        slice_id=taken.slice_id,
        verdict="accepted",
        records=taken.records,
        size_bytes=taken.size_bytes,
        header=taken.header,
        location=taken.path,
        format=taken.format,
        slice_date=taken.slice_date,
        kind=taken.kind,
    )
