"""What a container finds of the parts that run in other containers; the doctor asks."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Mapping
from typing import TypedDict

import httpx

from assay.airflow_client.api import airflow_url
from assay.gateway.address import NAME_IN_CONTAINERS, gateway_url, is_well
from assay.home.paths import SPARK_HOME, child_environment
from assay.home.ports import address
from assay.settings import JOB_PROGRAMS, Settings
from assay.spark_runtime.conf import submit_conf
from assay.spark_runtime.launch import launch
from assay.spark_runtime.start_cache import TROUBLE
from assay.storage.finding import Finding
from assay.words import count
from assay_stack.airflow import unhealthy_parts
from assay_stack.postgres import login_refusal

MASTER_PAGE = 8080
PROBE_SECONDS = 90
PROBE_TASKS = 16  # for a server, which does not tell its cores


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


def gateway(settings: Settings) -> Finding:
    """Whether it takes records, where its profile is on: without it nothing has its name."""
    name = NAME_IN_CONTAINERS
    if is_well(settings):
        return Finding(name, f"{gateway_url(settings)} takes records")
    try:
        socket.gethostbyname(name)
    except OSError:
        return Finding(name, "docker compose --profile gateway up -d starts it")
    return Finding(name, "it takes no records", "see docker compose logs gateway")


def spark(settings: Settings) -> Finding:
    """Whether it is there and of our version, and what its executors can do."""
    if settings.is_remote:
        return _server(settings)
    if not settings.is_cluster:
        return Finding("spark", f"{settings.spark_master}, inside each job")
    try:
        page, state = _ask_master(settings, "/").text, _ask_master(settings, "/json/").json()
    except (httpx.HTTPError, ValueError) as error:
        found = f"{settings.spark_master} does not answer ({error})"
        return Finding("spark", found, "start it: docker compose up -d spark-master")
    finding = judge_master(settings, page, state)
    if not finding.ok:
        return finding
    cores = state["cores"]
    everyone = {
        "spark.cores.max": str(cores),
        "spark.scheduler.minRegisteredResourcesRatio": "1.0",
    }
    return _probe_lake(settings, 2 * cores, {**submit_conf(settings), **everyone})


def _server(settings: Settings) -> Finding:
    host, _, port = settings.spark_master.removeprefix("sc://").rpartition(":")
    try:  # its client would ask again and again, for minutes
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        found = f"{settings.spark_master} does not answer ({error})"
        return Finding("spark", found, "start it: docker compose up -d spark-connect")
    return _probe_lake(settings, PROBE_TASKS, {})


def _probe_lake(settings: Settings, files: int, conf: Mapping[str, str]) -> Finding:
    """Run the job in which executors write into the lake, as a task would."""
    job = launch(settings, lock="doctor", holder="assay doctor")
    command = [job.program, "--master", settings.spark_master, "--driver-memory", "512m"]
    for name, value in conf.items():
        command += ["--conf", f"{name}={value}"]
    try:
        done = subprocess.run(  # noqa: S603
            [*command, str(JOB_PROGRAMS / "probe_lake.py"), str(settings.lake), str(files)],
            env=child_environment(job.environment),
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        found = f"no executor did a task of ours within {PROBE_SECONDS} s"
        remedy = (
            "see the master's page: a running job may have all cores, or no worker the memory of"
            f" ASSAY_EXECUTOR_MEMORY={settings.executor_memory}; else docker compose logs"
        )
        return Finding("spark", found, f"{remedy} spark-connect spark-worker")
    return judge_probe(settings, files, done.stdout, done.stderr)


def judge_probe(settings: Settings, files: int, output: str, errors: str) -> Finding:
    """Judge what the job printed."""
    remedy = f"mount one volume at {settings.home} in every container, and start airflow-init again"
    told = [line for line in output.splitlines() if line.startswith("{")]
    if not told:
        lines = [line.strip() for line in errors.splitlines() if TROUBLE.search(line)]
        cause = (lines or ["no message"])[0][:300]
        return Finding("spark", f"executors cannot write {settings.lake}: {cause}", remedy)
    facts, ours = json.loads(told[-1]), our_version()
    if facts["version"].partition(".")[0] != ours.partition(".")[0]:
        found = f"the server is {facts['version']}, we are {ours}"
        return Finding("spark", found, "run one image everywhere: make compose-up")
    if facts["files"] != files:
        found = f"executors wrote {count(files, 'file')} below {settings.lake}, of which we see"
        return Finding("spark", f"{found} {facts['files']}", remedy)
    workers = count(len(facts["tasks"]), "worker")
    found = f"{facts['version']}, executors on {workers} write {settings.lake}"
    return Finding("spark", found)


def _ask_master(settings: Settings, path: str) -> httpx.Response:
    host = settings.spark_master.removeprefix("spark://").rpartition(":")[0]
    return httpx.get(f"http://{host}:{MASTER_PAGE}{path}", timeout=10).raise_for_status()


class WorkerState(TypedDict):
    """A worker as the master tells it; its memory in MB."""

    state: str
    memory: int


class MasterState(TypedDict):
    """What the master says as JSON."""

    workers: list[WorkerState]


def judge_master(settings: Settings, page: str, state: MasterState) -> Finding:
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
