"""How a stream is asked to stop from elsewhere: by a file, which its application looks for."""

from __future__ import annotations

from pathlib import Path

from assay.settings import Settings


def stop_file(settings: Settings, pipeline: str) -> Path:
    """Where the application of a pipeline is told to stop; it removes the file when it starts."""
    return settings.home / "streams" / f"{pipeline}.stop"


def ask_to_stop(settings: Settings, pipeline: str) -> None:
    """Have the application end after the micro-batch that is under way."""
    path = stop_file(settings, pipeline)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
