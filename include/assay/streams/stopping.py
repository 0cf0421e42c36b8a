"""How a stream is asked to stop from elsewhere: by a file, which its application looks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from assay.settings import Settings


@dataclass(frozen=True)
class StopFile:
    """What tells the application of a pipeline to stop: its being touched after this was made.

    What was asked before is of no matter to whoever starts now. No clock is compared, for the file
    may have its time from another machine.
    """

    path: Path
    before: int | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "before", _touched(self.path))

    @classmethod
    def of(cls, settings: Settings, pipeline: str) -> StopFile:
        return cls(settings.home / "streams" / f"{pipeline}.stop")

    def is_asked(self) -> bool:
        """Whether somebody has asked since."""
        return _touched(self.path) not in (None, self.before)


def ask_to_stop(settings: Settings, pipeline: str) -> None:
    """Have the application end after the micro-batch that is under way, also while it starts.

    One that is launched later does not know of it: whoever wants none asks until there is none.
    """
    path = StopFile.of(settings, pipeline).path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def _touched(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None
