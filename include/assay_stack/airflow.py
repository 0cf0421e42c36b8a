"""The embedded Airflow: its whole configuration as environment, its login, its pool."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import httpx

from assay.airflow_client.api import USER, airflow_page, airflow_url, api_client
from assay.contracts.pipelines import pipelines_started_by
from assay.errors import StackError
from assay.home.credentials import load_credentials
from assay.home.paths import BIN, child_environment
from assay.home.ports import address
from assay.home.postgres_place import data_folder
from assay.settings import REPOSITORY, Settings
from assay.spark_runtime.conf import jobs_at_once, spark_environment
from assay.storage.files import write_whole

SPARK_POOL = "spark"
HOLDS = "Spark jobs at the same time; this machine holds {}"  # what an edit makes untrue
TASKS_OF_BATCHES = 4
QUIET = (
    "airflow.serialization.definitions.dag",
    "airflow.models.dag",
    "airflow.dag_processing.manager",
    "http.access",
    "airflow.executors.local_executor",
    "airflow.jobs.triggerer_job_runner",
)


def airflow_environment(settings: Settings) -> dict[str, str]:
    """Everything Airflow is told, on top of the environment it is started in. Holds secrets.

    In a container, what that was given itself comes last: an installation may want another login.
    """
    given = {name: value for name, value in os.environ.items() if name.startswith("AIRFLOW_")}
    return {
        **spark_environment(settings),
        "ASSAY_HOME": str(settings.home),
        "ASSAY_SPARK_MASTER": settings.spark_remote,
        "ASSAY_DRIVER_MEMORY": settings.driver_memory,
        "AIRFLOW_HOME": str(settings.home / "airflow"),
        "PYTHONWARNINGS": "ignore",
        **_options(settings),
        **_secrets(settings),
        **(given if settings.runs_elsewhere else {}),
    }


def _options(settings: Settings) -> dict[str, str]:
    url = airflow_url(settings)
    return {
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(_tasks_at_once()),
        "AIRFLOW__CORE__TEST_CONNECTION": "Disabled",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_passwords_file(settings)),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API__HOST": settings.listen,
        "AIRFLOW__API__PORT": str(address(settings, "airflow")[1]),
        "AIRFLOW__API__BASE_URL": airflow_page(settings),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__EXPOSE_CONFIG": "False",
        # A task that starts while the API server restarts asks again, instead of failing.
        "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "10",
        # The end of a task that is skipped or fails may be noticed only when a heartbeat is due.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        # An idle stack should leave the cores to the jobs. A file that is new or has changed is
        # parsed at the next refresh; the others only now and then.
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "15",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(settings.logs / "tasks"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(
            settings.logs / "dag_processor"
        ),
        "AIRFLOW__LOGGING__UVICORN_LOGGING_LEVEL": "WARNING",
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": " ".join(f"{name}=WARNING" for name in QUIET),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def _tasks_at_once() -> int:
    """Those of batches, and one for the streams of each pipeline, which end for no other task."""
    return TASKS_OF_BATCHES + len(pipelines_started_by("files"))


def _secrets(settings: Settings) -> dict[str, str]:
    known = load_credentials(settings)
    host, port = address(settings, "postgres")
    postgres = {
        "conn_type": "postgres",
        "host": host,
        "port": port,
        "login": "assay_loader",
        "password": known["assay_loader"],
        "schema": "assay",
    }
    # The JSON form: Airflow reads local[*] as an IPv6 address when it stands in a URI.
    spark = {"conn_type": "spark", "host": settings.spark_master}
    metadata = f"postgresql+psycopg2://airflow:{known['airflow']}@{host}:{port}/airflow"
    return {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata,
        "AIRFLOW__CORE__FERNET_KEY": known["fernet_key"],
        "AIRFLOW__API_AUTH__JWT_SECRET": known["jwt_secret"],
        "AIRFLOW__API__SECRET_KEY": known["api_secret_key"],
        "AIRFLOW_CONN_ASSAY_POSTGRES": json.dumps(postgres),
        "AIRFLOW_CONN_ASSAY_SPARK": json.dumps(spark),
    }


def prepare_airflow(settings: Settings, say: Callable[[str], None]) -> None:
    """Write the login file and bring the metadata database to this version of Airflow."""
    environment = airflow_environment(settings)
    Path(environment["AIRFLOW_HOME"]).mkdir(mode=0o700, parents=True, exist_ok=True)
    login = json.dumps({USER: load_credentials(settings)[USER]})
    write_whole(_passwords_file(settings), login, mode=0o600)
    # Beside the cluster, so that it goes when that goes.
    stamp = data_folder(settings).with_name("airflow-version")
    ours = settings.postgres is None
    if ours and stamp.exists() and stamp.read_text() == version("apache-airflow"):
        return
    say("preparing Airflow's metadata database")
    done = subprocess.run(  # noqa: S603
        [BIN / "airflow", "db", "migrate"],
        env=child_environment(environment),
        cwd=settings.home,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        log = settings.logs / "airflow-db-migrate.log"
        write_whole(log, done.stdout + done.stderr)
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise StackError(f"airflow db migrate failed: {last[:200]} (all of it: {log})")
    if ours:
        write_whole(stamp, version("apache-airflow"))


def ensure_pool(settings: Settings) -> None:
    """Have the pool keep Spark jobs to what machine and settings hold; an edited one stays."""
    slots = jobs_at_once(settings)
    pool = {"name": SPARK_POOL, "slots": slots, "description": HOLDS.format(slots)}
    with api_client(settings) as api:
        found = api.get(f"/api/v2/pools/{SPARK_POOL}")
        if found.status_code != httpx.codes.OK:
            answer = api.post("/api/v2/pools", json=pool)
        elif found.json()["description"] == HOLDS.format(found.json()["slots"]):
            answer = api.patch(
                f"/api/v2/pools/{SPARK_POOL}", json={**pool, "include_deferred": False}
            )
        else:
            return
    if answer.is_error:
        raise StackError(f"the pool {SPARK_POOL} could not be set: {answer.text[:200]}")


def unhealthy_parts(settings: Settings) -> list[str]:
    """The parts of Airflow that do not report to be healthy; `api-server` when none answers."""
    try:
        answer = httpx.get(f"{airflow_url(settings)}/api/v2/monitor/health", timeout=5)
        parts = answer.json() if answer.is_success else {}
    except (httpx.HTTPError, ValueError):
        return ["api-server"]
    if not parts:
        return ["api-server"]
    return [
        name.replace("_", "-")
        for name, facts in sorted(parts.items())
        if facts is not None and facts.get("status") != "healthy"
    ]


def _passwords_file(settings: Settings) -> Path:
    return settings.secrets.with_name("airflow-passwords.json")
