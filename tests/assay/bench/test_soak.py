"""The soak of batches that `assay bench soak` runs three hundred of, shortened."""

from __future__ import annotations

import os

import pytest

from assay.bench import soak
from assay.bench.workbench import Workbench
from assay.settings import REPOSITORY, load_settings

pytestmark = [pytest.mark.e2e, pytest.mark.long]


def test_the_warm_server_is_no_larger_after_many_batches_and_takes_little_when_idle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(soak, "IDLE_SECONDS", 20)
    home = os.environ.get("ASSAY_HOME", str(REPOSITORY / ".assay"))
    settings = load_settings({"ASSAY_HOME": home, "ASSAY_DRIVER_MEMORY": "1g"})
    with Workbench(settings, files=1, rows=100, say=print) as bench:
        memory, idle = soak.measure_soak(bench, batches=15).ratios
    assert 300 < memory.ours[0] < 2_500
    assert memory.value < 1.25
    assert idle.met
