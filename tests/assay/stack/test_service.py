"""A part of a stack in containers gets its secrets, and says what it waits for in vain."""

from __future__ import annotations

import dataclasses
import json
import socket
from pathlib import Path

import pytest

from assay.errors import StackError
from assay.settings import Settings
from assay.stack import service
from assay.stack.airflow import airflow_environment
from assay.stack.spark import spark_environment, submit_conf
from assay.stack.supervisor import down, up


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
    file = container.secrets.with_name("postgres-password")
    first = file.read_text()
    service.make_secrets(container)
    assert file.read_text() == first == json.loads(container.secrets.read_text())["postgres"]
    assert [path.stat().st_mode & 0o077 for path in (file, container.secrets)] == [0, 0]


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
    for part in ("scheduler", "spark-worker"):
        with pytest.raises(StackError, match=r"ASSAY_POSTGRES|ASSAY_SPARK_MASTER"):
            service.run_part(settings, part)
