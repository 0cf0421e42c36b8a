"""What a machine is given to do at once."""

from __future__ import annotations

import dataclasses
import os
from types import SimpleNamespace

import psutil
import pytest

from assay.settings import Settings
from assay.stack.spark import jobs_at_once


@pytest.mark.parametrize(
    ("memory", "cores", "driver_memory", "jobs"),
    [(1, 8, "4g", 1), (11, 8, "4g", 1), (12, 8, "4g", 2), (64, 2, "4g", 2), (8, 4, "1024m", 3)],
)
def test_as_many_jobs_as_memory_holds_but_no_more_than_cores(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    memory: int,
    cores: int,
    driver_memory: str,
    jobs: int,
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=memory << 30))
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    machine = dataclasses.replace(settings, driver_memory=driver_memory)

    assert jobs_at_once(machine) == jobs
    assert jobs_at_once(dataclasses.replace(machine, spark_master="spark://there:7077")) == 1
