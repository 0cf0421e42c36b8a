"""Small runs of the producer, without waiting for events to be due."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from assay.generate.options import SetOptions
from assay.generate.recipes import recipe_of
from assay.produce.run import Produced

Run = Callable[..., tuple[Produced, list[dict[str, Any]]]]


class Clock:
    """A clock that moves only when somebody sleeps, or is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def options_of(dataset: str, tmp_path: Path, **given: Any) -> SetOptions:
    """Three seconds of a hundred events, one in ten of them bad, unless told otherwise."""
    usual = {"files": 3, "rows": 100, "seed": 11, "days": 1, "defects": 0.1, "duplicates": 0.05}
    return recipe_of(dataset).options(tmp_path / "nowhere", **{**usual, **given})
