"""The soak of streams that `assay bench stream_soak` runs for two hours, shortened."""

from __future__ import annotations

import os

import pytest

from assay.bench.stream_soak import measure_stream_soak
from assay.bench.workbench import Workbench
from assay.settings import REPOSITORY, load_settings

pytestmark = [pytest.mark.e2e, pytest.mark.long]


def test_a_stream_with_its_releases_is_no_larger_after_a_while() -> None:
    home = os.environ.get("ASSAY_HOME", str(REPOSITORY / ".assay"))
    with Workbench(load_settings({"ASSAY_HOME": home}), files=1, rows=100, say=print) as bench:
        soaked = measure_stream_soak(bench, minutes=2, release_minutes=0.5)
        assert len(soaked.breakdowns[0].rows) >= 1
        found = {ratio.name.partition(",")[0]: ratio for ratio in soaked.ratios}
        assert 100 < found["memory of the stream"].ours[0] < 3_000
        assert found["memory of the stream"].value < 1.5
        assert found["memory of the warm Spark"].value < 1.5
        assert "invariants hold" in soaked.notes[0]
