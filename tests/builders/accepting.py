"""Batches that are accepted without Airflow: their runs and files, and moves that are cut off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from assay.batch.params import resolve_params
from assay.batch.run import Run, RunType, batch_id_of
from assay.errors import BatchError
from assay.settings import Settings
from builders.deliveries import age
from corpus.trades import HEADER, rows, text

DAY = "2026-01-01"


def run_of(
    name: str = "one",
    *datasets: str,
    pipeline: str = "trades",
    day: str = DAY,
    run_type: RunType = "manual",
    **params: Any,
) -> Run:
    """What a run of the pipeline asks for, by ann; without datasets, it has the one of its name."""
    return Run(
        pipeline=pipeline,
        datasets=[*(datasets or (pipeline,))],
        run_id=name,
        run_type=run_type,
        batch_id=batch_id_of(pipeline, name, day),
        batch_date=day,
        params=resolve_params(params),
        user="ann",
    )


def land(settings: Settings, name: str, content: bytes = text(HEADER, *rows())) -> Path:
    """A file at rest in the landing folder of trades."""
    path = settings.landing / "trades" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return age(path)


@contextmanager
def second_move_fails(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> Iterator[None]:
    """What is done within is cut off as the module moves its second file."""
    real, calls = module.move_file, []

    def move_one(source: Path, target: Path) -> bool:
        calls.append(source)
        if len(calls) > 1:
            raise BatchError("cut off")
        moved: bool = real(source, target)
        return moved

    with monkeypatch.context() as patch:
        patch.setattr(module, "move_file", move_one)
        with pytest.raises(BatchError, match="cut off"):
            yield
