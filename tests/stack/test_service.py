"""A part of a stack in containers gets its secrets, and says what it waits for in vain."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from assay.contracts.pipelines import all_pipelines
from assay.errors import StackError
from assay.home.paths import SPARK_HOME, child_environment
from assay.settings import Settings
from assay.spark_runtime.conf import spark_environment, submit_conf
from assay.spark_runtime.launch import launch
from assay.storage.addresses import ObjectPath
from assay.streams.names import can_stream
from assay_stack import service
from assay_stack.airflow import airflow_environment
from assay_stack.supervisor import down, up
from builders.ports import free_port


@pytest.fixture
def container(settings: Settings) -> Settings:
    """Settings as docker-compose.yaml makes them."""
    return dataclasses.replace(
        settings,
        postgres=("127.0.0.1", 9),
        airflow=("airflow-api-server", 8080),
        airflow_page="http://127.0.0.1:18080",
        listen="0.0.0.0",  # noqa: S104  a container's own
        spark_master="spark://spark-master:7077",
        secrets_file=settings.home / "own" / "secrets.json",
    )


def test_secrets_are_made_once_and_for_the_owner_only(container: Settings) -> None:
    service.make_secrets(container)
    file = container.secrets.parent / "postgres" / "password"
    first = file.read_text()
    service.make_secrets(container)
    assert file.read_text() == first == json.loads(container.secrets.read_text())["postgres"]
    assert container.secrets.stat().st_mode & 0o077 == 0
    assert file.stat().st_mode & 0o777 == 0o444, "Postgres is another user, in a volume with it"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be the user of the workers")
def test_a_worker_gets_at_lake_and_work_only(container: Settings) -> None:
    """What the workers' user, of our group, can do in a home of an earlier version."""
    home = container.home
    for name in ("airflow", "lake/bronze/trades", "batches/b1", "accepted", "landing/trades"):
        (home / name).mkdir(parents=True)
    service.share_home(container)
    (home / "batches/b1/change_set").mkdir(mode=0o775)
    (home / "batches/b1/change_set").chmod(0o775)  # as the umask of a driver makes it
    for name in ("airflow/airflow.cfg", "batches/b1/plan.json", "logs/x", "accepted/f.csv"):
        (home / name).write_text("ours")

    def tries(script: str) -> bool:
        command = ["/bin/sh", "-c", script]
        done = subprocess.run(
            command, user=10002, group=os.getgid(), extra_groups=[], cwd=home, capture_output=True
        )
        return done.returncode == 0

    for written in ("lake/bronze/trades", "batches/b1/change_set"):
        assert tries(f"echo x >{written}/part.parquet"), written
    assert tries("cat accepted/f.csv")
    closed = ("airflow", "archive", "exports", "landing", "locks", "logs", "rejected", "streams")
    for name in closed:
        assert not tries(f"ls {name}"), name
        assert not tries(f"echo x >{name}/x"), name
        assert not tries(f"mv {name} {name}.old"), name
    for name in ("accepted/x", "dags", "batches/x", "batches/b1/plan.json", "lake/.x/y"):
        assert not tries(f"echo x >{name}"), name
    for name in ("accepted/f.csv", "batches/b1/plan.json"):
        assert not tries(f"rm -f {name} || mv {name} {name}.old"), name


def test_what_others_own_in_the_home_is_left_alone_and_a_lake_on_s3_gets_no_folder(
    container: Settings,
) -> None:
    away = ObjectPath("s3a://bucket/lake")
    service.share_home(dataclasses.replace(container, lake_address=away))
    assert not (container.home / "lake").exists()
    assert (container.home / "logs").stat().st_mode & 0o777 == 0o700


def test_jobs_of_a_cluster_leave_their_folders_open_to_the_group(
    container: Settings, spark_settings: Settings
) -> None:
    on_cluster = dataclasses.replace(container, home=spark_settings.home)
    given = launch(on_cluster, lock="x", holder="x")
    alone = launch(
        dataclasses.replace(spark_settings, spark_master="local[*]"), lock="x", holder="x"
    )
    assert given.environment["ASSAY_SPARK_UMASK"] == "2"
    assert given.conf["spark.hadoop.fs.permissions.umask-mode"] == "002"
    assert "ASSAY_SPARK_UMASK" not in alone.environment


def test_jobs_of_a_server_leave_their_files_open_to_the_group_too(
    container: Settings, spark_settings: Settings
) -> None:
    remote = dataclasses.replace(
        container,
        home=spark_settings.home,
        spark_master="sc://spark-connect:15002",
        spark_parameters="token=canary",
    )
    given = launch(remote, lock="x", holder="x")
    assert given.environment["ASSAY_SPARK_UMASK"] == "2"
    assert "canary" not in str(given), "Airflow shows it"
    told = airflow_environment(remote)
    assert told["ASSAY_SPARK_MASTER"] == "sc://spark-connect:15002/;token=canary"
    assert json.loads(told["AIRFLOW_CONN_ASSAY_SPARK"])["host"] == "sc://spark-connect:15002"


def test_the_server_listens_where_only_its_clients_are(
    container: Settings, spark_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    became: list[list[str]] = []
    server = dataclasses.replace(container, home=spark_settings.home)
    monkeypatch.setattr(socket, "gethostbyname", {"connect": "192.0.2.7"}.__getitem__)
    monkeypatch.setattr(os, "execve", lambda _, command, __: became.append(command))
    monkeypatch.setattr(os, "umask", lambda _: 0o022)
    monkeypatch.setattr(os, "chdir", lambda folder: None)
    service.run_part(server, "spark-connect")
    ((*command,),) = became
    assert command[-1].endswith("/connect_server.py")
    assert command[command.index("--master") + 1] == "spark://spark-master:7077"
    conf = dict(command[n + 1].split("=", 1) for n, word in enumerate(command) if word == "--conf")
    assert conf["spark.connect.grpc.binding.address"] == "192.0.2.7"
    assert conf["spark.connect.grpc.binding.port"] == "15002"
    assert conf["spark.driver.host"] == socket.gethostname()
    assert conf["spark.scheduler.mode"] == "FAIR"
    assert conf["spark.hadoop.fs.permissions.umask-mode"] == "002"


def test_a_server_without_a_network_of_its_own_does_not_start(
    container: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(_: str) -> str:
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(os, "umask", lambda _: 0o022)
    monkeypatch.setattr(socket, "gethostbyname", unknown)
    with pytest.raises(StackError, match="network that Spark's workers are not in"):
        service.run_part(container, "spark-connect")


def test_the_page_of_the_spark_master_kills_nothing(container: Settings) -> None:
    """With the options that its container gets, for whoever can make a browser post there."""
    port, page = free_port(), free_port()
    options = f"{service.MASTER_OPTIONS} -Dspark.master.ui.port={page}"
    command = [str(SPARK_HOME / "bin" / "spark-class"), service.SPARK_CLASSES["spark-master"]]
    master = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        env=child_environment({**spark_environment(container), "SPARK_MASTER_OPTS": options}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    here = f"http://127.0.0.1:{page}"
    try:
        wait_for_page(here)
        for what in ("/app/kill/", "/driver/kill/", "/workers/kill/"):
            form = {"id": "app-1", "terminate": "true", "host": "127.0.0.1"}
            answer = httpx.post(here + what, data=form)
            assert answer.status_code in (404, 405), f"{what}: {answer}"
    finally:
        master.kill()
        master.wait()


def wait_for_page(address: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(address).raise_for_status()
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            return


def test_airflow_is_told_the_names_inside_and_the_page_outside(container: Settings) -> None:
    told = airflow_environment(container)
    inside = "http://airflow-api-server:8080/execution/"
    assert told["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == inside
    assert told["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:18080"
    assert "@127.0.0.1:9/airflow" in told["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert json.loads(told["AIRFLOW_CONN_ASSAY_SPARK"])["host"] == "spark://spark-master:7077"
    logins = Path(told["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    assert logins.parent == container.secrets.parent


def test_a_container_may_be_given_another_login_and_the_embedded_stack_may_not(
    settings: Settings, container: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__AUTH_MANAGER", "theirs")
    assert airflow_environment(container)["AIRFLOW__CORE__AUTH_MANAGER"] == "theirs"
    (settings.home / "ports.json").write_text('{"airflow": 1, "postgres": 2}')
    assert "AIRFLOW__CORE__AUTH_MANAGER" not in airflow_environment(settings)


def test_streams_of_every_pipeline_leave_batches_their_places(container: Settings) -> None:
    """A stream holds a place of the executor for as long as it runs."""
    places = int(airflow_environment(container)["AIRFLOW__CORE__PARALLELISM"])
    assert places - sum(map(can_stream, all_pipelines())) >= 4


def test_executors_get_the_jars_and_the_name_of_the_driver(
    container: Settings, spark_settings: Settings
) -> None:
    conf = submit_conf(dataclasses.replace(container, home=spark_settings.home))
    assert conf["spark.driver.host"] == socket.gethostname()
    assert conf["spark.executor.extraClassPath"] == conf["spark.driver.extraClassPath"]
    assert "SPARK_LOCAL_IP" not in spark_environment(container)
    assert "spark.executor.memory" not in submit_conf(spark_settings)


def test_a_postgres_that_does_not_answer_is_named(container: Settings) -> None:
    with pytest.raises(StackError, match=r"took no login in 0 s: .*refused"):
        service.wait_for_postgres(container, patience=0)


def test_the_embedded_stack_and_one_in_containers_are_not_mixed_up(
    settings: Settings, container: Settings
) -> None:
    for call in (up, down):
        with pytest.raises(StackError, match="docker compose"):
            call(container, print)
    for part in ("scheduler", "spark-worker", "spark-connect"):
        with pytest.raises(StackError, match=r"ASSAY_POSTGRES|ASSAY_SPARK_MASTER"):
            service.run_part(settings, part)
