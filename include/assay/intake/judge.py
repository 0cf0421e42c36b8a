"""Verdicts on the files that a batch has taken: accepted, duplicate or rejected, and where to."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from assay.batch.slices import count_slices
from assay.contracts.load import load_contract
from assay.errors import FileRejectedError
from assay.events.event import Progress
from assay.events.sinks import emit
from assay.intake.filenames import fit_name
from assay.intake.moves import move_file, sync_file, sync_folders
from assay.intake.records import inspect_file, matching_suffix
from assay.intake.survey import hash_file
from assay.intake.take import Folders, TakenFile
from assay.ledger import Delivery
from assay.storage.addresses import Place, as_place
from assay.storage.files import write_whole
from assay.storage.objects import on_this_machine, put
from assay.words import count

REASON_SUFFIX = ".reason.txt"
PROGRESS_SECONDS = 5.0


@dataclass(frozen=True)
class JudgedFile:
    """A taken file with its verdict; the delivery's location is where the file shall go."""

    taken: TakenFile
    delivery: Delivery


def inspect_taken(files: list[TakenFile]) -> list[Delivery]:
    """Inspect each file on its own: accepted or rejected, no location yet."""
    deliveries, said = [], time.monotonic()
    for number, taken in enumerate(files, start=1):
        deliveries.append(replace(_inspect(taken), slice_date=taken.slice_date))
        if time.monotonic() - said > PROGRESS_SECONDS:
            emit(Progress(f"inspected {number:,} of {count(len(files), 'file')}"))
            said = time.monotonic()
    return deliveries


def _inspect(taken: TakenFile) -> Delivery:
    with on_this_machine(taken.path) as path:
        return _inspect_here(taken, path)


def _inspect_here(taken: TakenFile, path: Path) -> Delivery:
    try:
        found = inspect_file(path, load_contract("bronze", taken.dataset))
    except FileRejectedError as error:
        slice_id, size = _hash_if_regular(path)
        return Delivery(
            dataset=taken.dataset,
            source_file=taken.source_file,
            slice_id=slice_id,
            verdict="rejected",
            reason=str(error),
            size_bytes=size,
        )
    return Delivery(
        dataset=taken.dataset,
        source_file=taken.source_file,
        slice_id=found.slice_id,
        verdict="accepted",
        records=found.records,
        size_bytes=found.size_bytes,
        header=found.header,
        format=found.format,
    )


def _hash_if_regular(path: Path) -> tuple[str, int]:
    try:
        return hash_file(path)
    except FileRejectedError:
        return "", 0


def judge_files(
    files: list[TakenFile],
    found: list[Delivery],
    held: Mapping[tuple[str, str], str],
    folders: Folders,
    batch_id: str,
) -> list[JudgedFile]:
    """Turn content that is known already into duplicates, and give every file its place.

    `held` maps contents to the batch, or the stream, that has accepted them.
    """
    first_names: dict[tuple[str, str], str] = {}
    used: set[Place] = set()
    judged = []
    for taken, delivery in zip(files, found, strict=True):
        if delivery.verdict == "accepted":
            delivery = _mark_duplicate(delivery, held, first_names)
        location = _location(taken, delivery, folders, batch_id, used)
        judged.append(JudgedFile(taken, replace(delivery, location=str(location))))
    return judged


def _mark_duplicate(
    delivery: Delivery,
    held: Mapping[tuple[str, str], str],
    first_names: dict[tuple[str, str], str],
) -> Delivery:
    content = delivery.dataset, delivery.slice_id
    if content in held:
        reason = f"same content as a file of {held[content]}"
    elif content in first_names:
        reason = f"same content as {first_names[content]!r} of this batch"
    else:
        first_names[content] = delivery.source_file
        return delivery
    return replace(delivery, verdict="duplicate", reason=reason)


def _location(
    taken: TakenFile, delivery: Delivery, folders: Folders, batch_id: str, used: set[Place]
) -> Place:
    if delivery.verdict == "accepted":
        suffix = matching_suffix(taken.name, load_contract("bronze", taken.dataset))
        return folders.accepted / taken.dataset / f"{delivery.slice_id}{suffix}"
    root = folders.duplicates if delivery.verdict == "duplicate" else folders.rejected
    return free_place(root / taken.dataset / batch_id, taken.source_file, used)


def free_place(folder: Place, name: str, used: set[Place]) -> Place:
    """A path below the folder that neither a file nor a reason in `used` has; it joins them."""
    wanted = folder / name
    place, number = wanted.with_name(fit_name(wanted.name)), 1
    while {place, reason_path(place)} & used:
        number += 1
        place = wanted.with_name(fit_name(wanted.name, f".{number}"))
    used |= {place, reason_path(place)}
    return place


def reason_path(place: Place) -> Place:
    """The text file beside a rejected file that says why."""
    return place.with_name(fit_name(place.name, REASON_SUFFIX))


def move_judged(judged: list[JudgedFile]) -> None:
    """Move every taken file to its place; what an earlier attempt has moved stays there."""
    for file in judged:
        place = as_place(file.delivery.location)
        if file.delivery.verdict == "rejected":
            write_reason(place, file.delivery.reason)
        elif file.delivery.verdict == "accepted":
            sync_file(file.taken.path)
        move_file(file.taken.path, place)
    sync_folders(as_place(file.delivery.location) for file in judged)


def write_reason(place: Place, reason: str) -> None:
    """Say beside a rejected file why it was."""
    told = reason_path(place)
    if isinstance(told, Path):
        write_whole(told, reason + "\n")
    else:
        put(told, f"{reason}\n".encode())


def describe(deliveries: list[Delivery]) -> str:
    """One line for a person, such as `2 files, 30 records accepted; 1 rejected (empty file)`."""
    accepted = [d for d in deliveries if d.verdict == "accepted"]
    rejected = [d for d in deliveries if d.verdict == "rejected"]
    duplicates = sum(d.verdict == "duplicate" for d in deliveries)
    records = sum(d.records for d in accepted)
    taken = count_slices([d.kind for d in accepted])
    parts = [f"{taken}, {count(records, 'record')} accepted"]
    if duplicates:
        parts.append(count(duplicates, "duplicate"))
    if rejected:
        reasons = sorted({_short(d.reason) for d in rejected})
        parts.append(f"{len(rejected):,} rejected ({', '.join(reasons)})")
    return "; ".join(parts)


def _short(reason: str) -> str:
    for mark in (":", ";", " at line", " in the record"):
        reason = reason.partition(mark)[0]
    return reason
