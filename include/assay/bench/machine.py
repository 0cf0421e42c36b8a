"""The machine and the versions that a result belongs to."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

import psutil

from assay.settings import Settings
from assay.spark_runtime.java import ensure_java
from assay_stack.postgres import PROGRAMS

ADDITIONS = 10_000_000
PACKAGES = (
    "pyspark",
    "delta-spark",
    "apache-airflow",
    "great-expectations",
    "duckdb",
    "deltalake",
    "adbc-driver-postgresql",
)


def describe_machine(settings: Settings) -> dict[str, str]:
    """Processor, memory, system, versions, and how busy the machine is."""
    postgres = subprocess.run(  # noqa: S603
        [PROGRAMS / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    load = os.getloadavg()[0]
    return {
        "processor": f"{os.cpu_count()} x {_processor()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": platform.platform(),
        "load before": f"{load:.1f}",
        "speed": f"{_speed():.2f} million additions a second in Python, one process",
        "driver memory": settings.driver_memory,
        "python": platform.python_version(),
        "java": ensure_java(settings).version,
        "postgres": postgres.stdout.split()[-1],
        **{package: version(package) for package in PACKAGES},
    }


def _speed() -> float:
    """What one core does of the plainest work there is, in millions a second."""
    began = time.perf_counter()
    total = 0
    for number in range(ADDITIONS):
        total += number
    return ADDITIONS / (time.perf_counter() - began) / 1e6


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
