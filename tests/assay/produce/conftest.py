"""A small run of events, and what its truth file says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assay.generate.recipes import recipe_of
from assay.produce.pace import Pace
from assay.produce.run import Produced, produce
from assay.produce.targets import Target
from builders.produced import Clock, Run, options_of


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Have a target take events of a dataset, without waiting for them to be due."""
    clock = Clock()

    def run(
        target: Target, dataset: str = "ecommerce_events", **given: Any
    ) -> tuple[Produced, list[dict[str, Any]]]:
        options = options_of(dataset, tmp_path, **given)
        pace = Pace(options.rows, options.records, target.interval, clock, clock.sleep)
        done = produce(recipe_of(dataset), options, target, tmp_path / "truth.jsonl", None, pace)
        return done, [json.loads(line) for line in Path(done.truth).read_text().splitlines()]

    return run
