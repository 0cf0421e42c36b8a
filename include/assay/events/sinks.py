"""Where events go: `emit` gives each to the sinks of the process.

A sink is any object with `write`. A sink for metrics or for lineage takes an event by its type and
reads its fields; it is put beside the others by `send_to`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, TextIO

from assay.environment import read_log
from assay.events.context import Correlation, known
from assay.events.event import Event


class Sink(Protocol):
    """Takes events; `correlation` says what each is about."""

    def write(self, event: Event, correlation: Correlation) -> None: ...


@dataclass(frozen=True)
class Lines:
    """Standard output or standard error of a program: sentences, or with ASSAY_LOG=json objects.

    `mark` stands before a sentence, where the reader could not tell else who speaks.
    """

    to_error: bool = False
    mark: str = ""

    def write(self, event: Event, correlation: Correlation) -> None:
        stream = sys.stderr if self.to_error else sys.stdout
        if writes_json():
            _write_object(stream, event, correlation)
        else:
            print(f"{self.mark}{event}", file=stream, flush=True)


@dataclass(frozen=True)
class Gathered:
    """Keeps what it is given, oldest first."""

    events: list[Event] = field(default_factory=list)

    def write(self, event: Event, correlation: Correlation) -> None:
        self.events.append(event)


_sinks: list[Sink] = [Lines()]  # of the process, in all of its threads


def emit(event: Event) -> None:
    """Tell every sink of the process."""
    for sink in _sinks:
        sink.write(event, known())


def send_to(*sinks: Sink) -> None:
    """Have the events of this process go there from now on; before, they go to standard output."""
    _sinks[:] = sinks


@contextmanager
def sent_to(*sinks: Sink) -> Iterator[None]:
    """Have the events that are emitted inside go there, and nowhere else."""
    before = (*_sinks,)
    send_to(*sinks)
    try:
        yield
    finally:
        send_to(*before)


@contextmanager
def gathered() -> Iterator[list[Event]]:
    """The events that are emitted inside, which go where they go without it as well."""
    kept = Gathered()
    with sent_to(*_sinks, kept):
        yield kept.events


def writes_json() -> bool:
    """Whether lines are for programs. Raises SettingsError for another ASSAY_LOG than it has."""
    return read_log(os.environ) == "json"


def facts_of(event: Event, correlation: Correlation) -> dict[str, object]:
    """What a line for programs holds beside the sentence: kind, keys, fields of the event."""
    return {"kind": type(event).__name__, **asdict(correlation), **event.facts()}


def _write_object(stream: TextIO, event: Event, correlation: Correlation) -> None:
    # Sentences need none of it, and it takes a tenth of a second to import.
    import structlog

    logger = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _in_order,
            structlog.processors.JSONRenderer(separators=(",", ":"), default=str),
        ],
        wrapper_class=structlog.BoundLogger,
    )
    getattr(logger, event.level)(str(event), **facts_of(event, correlation))


def _in_order(_logger: Any, _method: str, facts: Any) -> Any:
    """Time first, as Airflow has it, so that the lines of several logs can be sorted as text."""
    first = {name: facts.pop(name) for name in ("timestamp", "level", "event")}
    return {**first, **facts}
