"""Files into a landing folder, each there whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from assay.errors import SettingsError
from assay.generate.recipe import SUFFIXES
from assay.produce.events import Piece
from assay.produce.targets import Delivered, stamped
from assay.storage.addresses import Place
from assay.storage.files import written_whole
from assay.storage.objects import create


class Landing:
    """One file a hand-over. Its name holds the time of the run, so that no two runs collide."""

    interval = 0.25
    as_json = False

    def __init__(self, folder: Place, run: str, *, stamp: bool) -> None:
        self.folder, self.run, self.stamp = folder, run, stamp
        self.done, self.number = Delivered(), 0

    def send(self, events: Piece, made_us: int) -> None:
        self.number += 1
        layout = events.layout
        lines = stamped(events, made_us) if self.stamp else events.lines
        if layout.form == "csv":
            lines = [f"{layout.header},produced_at" if self.stamp else layout.header, *lines]
        name = f"{layout.prefix}_{self.run}_{self.number:06d}{SUFFIXES[layout.form]}"
        self._put(name, ("\n".join(lines) + "\n").encode())
        self.done.add(events.first, events.first + len(events.lines) - 1)

    def finish(self) -> None:
        """A file is delivered as soon as it has its name."""

    def delivered(self) -> Iterator[tuple[int, int]]:
        yield from self.done.ranges

    def _put(self, name: str, content: bytes) -> None:
        place = self.folder / name
        if not isinstance(place, Path):
            create(place, content)
            return
        try:
            with written_whole(place) as temporary:  # hidden, so that nobody takes it too early
                temporary.write_bytes(content)
        except (FileExistsError, NotADirectoryError, PermissionError) as error:
            raise SettingsError(
                f"{self.folder} takes no file ({error.strerror}); give --out a folder of yours"
            ) from error
