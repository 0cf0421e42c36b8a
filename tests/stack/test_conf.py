"""What a machine is given to do at once."""

from __future__ import annotations

import dataclasses
import os
from types import SimpleNamespace

import psutil
import pytest

from assay.settings import Settings
from assay.spark_runtime.conf import jobs_at_once


@pytest.mark.parametrize(
    ("memory", "cores", "driver_memory", "jobs"),
    [(1, 8, "4g", 1), (11, 8, "4g", 1), (12, 8, "4g", 2), (64, 3, "4g", 1), (8, 6, "1024m", 3)],
)
def test_one_job_for_two_cores_as_far_as_there_is_memory(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    memory: int,
    cores: int,
    driver_memory: str,
    jobs: int,
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=memory << 30))
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    machine = dataclasses.replace(settings, driver_memory=driver_memory, spark_master="local[*]")

    assert jobs_at_once(machine) == jobs
    for there in ("spark://there:7077", "sc://there:15002"):
        assert jobs_at_once(dataclasses.replace(machine, spark_master=there)) == 1


@pytest.mark.parametrize(
    ("cores", "heap", "jobs"), [(2, "4g", 2), (8, "4g", 2), (1, "4g", 1), (8, "1g", 1)]
)
def test_a_warm_spark_has_a_job_for_each_core_and_2_gb_of_its_heap(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, cores: int, heap: str, jobs: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)

    warm = dataclasses.replace(settings, driver_memory=heap, spark_master="warm")
    assert jobs_at_once(warm) == jobs
