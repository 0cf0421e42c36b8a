"""What the events of a process are about: batch, run, task, epoch and dataset.

A process learns it once, and its children inherit it with the environment: the same attempt of a
task in Airflow, in the launcher of its Spark job and in that job. What holds for a part of the
work only, such as one batch of several, is narrowed for the length of a block.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace

VARIABLE = "ASSAY_LOG_CONTEXT"


@dataclass(frozen=True)
class Correlation:
    """The keys of every line; None for what is not known, as in a program of the stack.

    `dataset` of a batch with several holds their names, with commas between.
    """

    batch: str | None = None
    run: str | None = None
    task: str | None = None
    epoch: int | None = None
    dataset: str | None = None


_narrowed: ContextVar[Correlation | None] = ContextVar("narrowed", default=None)


def known() -> Correlation:
    """What an event that is emitted now is about."""
    return _narrowed.get() or _inherited(os.environ)


def bind(correlation: Correlation) -> None:
    """Have all that this process does from now on, and its children, be about this.

    In the environment, not in a context variable: Airflow runs a task in a context of its own,
    which is gone when a listener tells how the task failed.
    """
    os.environ[VARIABLE] = json.dumps(asdict(correlation))


@contextmanager
def about(*, batch: str, datasets: Sequence[str]) -> Iterator[None]:
    """What happens inside is about another batch than the one that the task is of."""
    token = _narrowed.set(replace(known(), batch=batch, dataset=listed(datasets)))
    try:
        yield
    finally:
        _narrowed.reset(token)


def listed(datasets: Sequence[str]) -> str | None:
    """Names of datasets as the key `dataset` holds them."""
    return ",".join(datasets) or None


def _inherited(environ: Mapping[str, str]) -> Correlation:
    text = environ.get(VARIABLE)
    return Correlation(**json.loads(text)) if text else Correlation()
