"""What a container finds of the parts that run in other containers; the doctor asks."""

from __future__ import annotations

import re
import socket
from typing import Any

import httpx

from assay.settings import Settings
from assay.stack.airflow import airflow_url, unhealthy_parts
from assay.stack.finding import Finding
from assay.stack.paths import SPARK_HOME
from assay.stack.ports import address
from assay.stack.postgres import login_refusal

MASTER_PAGE = 8080


def postgres(settings: Settings) -> Finding:
    """Whether it takes the login that tasks have."""
    host, port = address(settings, "postgres")
    refusal = login_refusal(settings, "assay_loader", "assay")
    remedy = "see docker compose logs postgres airflow-init" if refusal else ""
    return Finding("postgres", f"{host}:{port} {refusal or 'takes our login'}", remedy)


def airflow(settings: Settings) -> Finding:
    """Whether all its parts report to be well."""
    unwell = unhealthy_parts(settings)
    found = f"{airflow_url(settings)} unwell: {', '.join(unwell)}" if unwell else "all parts well"
    return Finding("airflow", found, "see docker compose ps and its logs" if unwell else "")


def spark(settings: Settings) -> Finding:
    """Whether the master is there, is of our version, and has a worker that can take a job."""
    if not settings.is_cluster:
        return Finding("spark", f"{settings.spark_master}, inside each job")
    try:
        page, state = _ask_master(settings, "/").text, _ask_master(settings, "/json/").json()
    except (httpx.HTTPError, ValueError) as error:
        found = f"{settings.spark_master} does not answer ({error})"
        return Finding("spark", found, "start it: docker compose up -d spark-master")
    return judge_master(settings, page, state)


def spark_is_well(settings: Settings, part: str) -> bool:
    """Whether the master is at work, and knows this container when that is a worker."""
    try:
        state = _ask_master(settings, "/json/").json()
    except (httpx.HTTPError, ValueError):
        return False
    here = [each for each in state["workers"] if each["host"] == socket.gethostname()]
    master = state["status"] == "ALIVE"
    return master and (part == "spark-master" or any(each["state"] == "ALIVE" for each in here))


def _ask_master(settings: Settings, path: str) -> httpx.Response:
    host = settings.spark_master.removeprefix("spark://").rpartition(":")[0]
    return httpx.get(f"http://{host}:{MASTER_PAGE}{path}", timeout=10).raise_for_status()


def judge_master(settings: Settings, page: str, state: dict[str, Any]) -> Finding:
    """Judge what the master says on its page, and says as JSON."""
    shown = re.search(r'class="version[^"]*">\s*([\w.-]+)', page)
    theirs, ours = shown[1] if shown else "of unknown version", our_version()
    if theirs != ours:
        found = f"the master is {theirs}, we are {ours}"
        return Finding("spark", found, "run one image everywhere: make compose-up")
    workers = [each for each in state["workers"] if each["state"] == "ALIVE"]
    if not workers:
        remedy = "docker compose up -d --scale spark-worker=1"
        return Finding("spark", "the master has no worker", remedy)
    largest = max(each["memory"] for each in workers)
    size = int(settings.executor_memory[:-1]) * (1024 if settings.executor_memory[-1] == "g" else 1)
    found = f"{ours}, {len(workers)} workers, {largest} MB on the largest"
    remedy = f"set ASSAY_EXECUTOR_MEMORY to {largest}m or less" if size > largest else ""
    return Finding("spark", found, remedy)


def our_version() -> str:
    """The version of Spark in this container, without importing it."""
    jar = next((SPARK_HOME / "jars").glob("spark-core_*.jar"))
    return jar.stem.rpartition("-")[2]
