"""What a run of one day says of files whose names do not say plainly which day they are of."""

from __future__ import annotations

from pathlib import Path

from assay.events.event import Progress
from assay.events.sinks import emit
from assay.intake.filenames import unclear_day, writable_name
from assay.intake.take import pending_files
from assay.settings import Settings
from assay.words import count

MOST_SAID = 20


def tell_days(settings: Settings, dataset: str, glob: str, day: str, taken: list[str]) -> None:
    """Tell of each such file whether it was taken, and why it was given its day."""
    names = pending_files(settings, dataset, glob, None)
    unclear = [(name, why) for name in names if (why := unclear_day(Path(name).name))]
    for name, why in unclear[:MOST_SAID]:
        found = f"taken as a file of {day}" if name in taken else f"left, as it is not of {day}"
        emit(Progress(f"{writable_name(name)!r}: {found}; its day is {why}"))
    if len(unclear) > MOST_SAID:
        more = count(len(unclear) - MOST_SAID, "more file")
        emit(Progress(f"{more} of {dataset} without a plain date"))
