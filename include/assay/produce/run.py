"""One run of the producer: events made ahead, handed over in time, and told in the truth file."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from assay.errors import AssayError
from assay.generate.options import SetOptions
from assay.generate.recipe import Recipe
from assay.generate.truth import create_good_records
from assay.generate.write import open_database
from assay.produce.events import make_ahead
from assay.produce.pace import Pace
from assay.produce.targets import Target
from assay.produce.truth import HandOver, count_classes, write_events

Progress = Callable[[int, int], None]
Failure = AssayError | OSError


@dataclass(frozen=True)
class Produced:
    """What a run did. `classes` counts delivered events; `unknown` are sent, and may be there."""

    dataset: str
    seed: int
    sent: int
    unknown: int
    classes: dict[str, int]
    seconds: float
    most_behind: float
    truth: str
    interrupted: bool


def produce(
    recipe: Recipe,
    options: SetOptions,
    target: Target,
    truth: Path,
    progress: Progress | None = None,
    pace: Pace | None = None,
) -> Produced:
    """Send `options.rows` events a second for `options.files` seconds, and write the truth file.

    An interrupt ends it early, in order. An error of the target is raised when the truth of what
    was sent until then is written.
    """
    pace = pace or Pace(options.rows, options.records, target.interval)
    sent: list[HandOver] = []
    interrupted = False
    failure: Failure | None = None
    with open_database() as connection:
        create_good_records(connection, recipe)
        try:
            for piece in make_ahead(connection, recipe, options, as_json=target.as_json):
                if not sent:  # making the first events is no part of the pace
                    pace.start()
                done = 0
                while done < len(piece.lines):
                    due = pace.wait(piece.first + done)
                    part = piece.part(done, min(due - piece.first, len(piece.lines)))
                    made_us = time.time_ns() // 1000
                    sent.append(HandOver(part.first, part.first + len(part.lines) - 1, made_us))
                    target.send(part, made_us)
                    done += len(part.lines)
                    if progress:
                        progress(part.first + len(part.lines), options.records)
        except KeyboardInterrupt:
            interrupted = True
        except (AssayError, OSError) as error:  # such as a disk that is full
            failure = error
        seconds = time.monotonic() - pace.started
        failure = _finish(target, failure)
        write_events(
            connection, recipe, sent, list(target.delivered()), truth, as_json=target.as_json
        )
        classes = count_classes(connection)
    if failure:
        raise failure
    return Produced(
        dataset=recipe.dataset,
        seed=options.seed,
        sent=sum(classes.values()),
        unknown=classes.pop("unknown", 0),
        classes=classes,
        seconds=round(seconds, 3),
        most_behind=round(max(0.0, pace.most_behind), 3),
        truth=str(truth),
        interrupted=interrupted,
    )


def _finish(target: Target, failure: Failure | None) -> Failure | None:
    """Have delivered what can be; of two failures the first one is the cause."""
    try:
        target.finish()
    except AssayError as error:
        return failure or error
    return failure
