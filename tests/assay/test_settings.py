"""Settings come from the environment; one that cannot be used is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import SettingsError
from assay.settings import LOOPBACK, REPOSITORY, load_settings

CONTAINER = {
    "ASSAY_HOME": "/var/lib/assay",
    "ASSAY_RUNTIME": "/opt/assay/runtime",
    "ASSAY_SECRETS": "/run/assay/secrets.json",
    "ASSAY_POSTGRES": "postgres:5432",
    "ASSAY_AIRFLOW": "airflow-api-server:8080",
    "ASSAY_AIRFLOW_PAGE": "https://airflow.example/assay",
    "ASSAY_GATEWAY_PAGE": "https://gateway.example/",
    "ASSAY_LISTEN": "0.0.0.0",  # noqa: S104  a container's own
    "ASSAY_SPARK_MASTER": "spark://spark-master:7077",
}


def test_without_a_variable_everything_is_on_this_machine() -> None:
    settings = load_settings({})
    assert settings.home == REPOSITORY / ".assay"
    assert settings.jars == settings.home / "jars"
    assert settings.secrets == settings.home / "secrets.json"
    assert settings.listen == LOOPBACK
    assert settings.is_warm
    assert not settings.is_cluster
    assert not settings.runs_elsewhere


def test_a_container_is_told_where_the_others_are() -> None:
    settings = load_settings(CONTAINER)
    assert settings.postgres == ("postgres", 5432)
    assert settings.airflow == ("airflow-api-server", 8080)
    assert settings.java == Path("/opt/assay/runtime/java")
    assert settings.secrets == Path("/run/assay/secrets.json")
    assert settings.is_cluster
    assert settings.runs_elsewhere


def test_kafka_is_none_ours_or_where_it_is_said_to_be() -> None:
    assert not load_settings({}).uses_kafka
    assert load_settings({}).gateway_to == "landing"
    to_kafka = {"ASSAY_GATEWAY_TO": "kafka"}
    assert load_settings({**to_kafka, "ASSAY_KAFKA": "yes"}).gateway_to == "kafka"
    assert load_settings({"ASSAY_GATEWAY_LAG": "500"}).gateway_lag == 500
    with pytest.raises(SettingsError, match="needs brokers"):
        load_settings(to_kafka)
    assert not load_settings({"ASSAY_KAFKA": "no"}).uses_kafka
    assert load_settings({"ASSAY_KAFKA": "yes"}).own_broker
    there = load_settings({"ASSAY_KAFKA": "one:9092,two:9093"})
    assert there.kafka_servers == (("one", 9092), ("two", 9093))
    assert there.uses_kafka
    assert not there.own_broker


def test_a_relative_folder_is_below_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings({"ASSAY_HOME": "state"}).home == tmp_path / "state"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ASSAY_DRIVER_MEMORY", "4gb"),
        ("ASSAY_DRIVER_MEMORY", "g"),
        ("ASSAY_EXECUTOR_MEMORY", "1.5g"),
        ("ASSAY_SPARK_MASTER", "local"),
        ("ASSAY_SPARK_MASTER", "local[0]"),
        ("ASSAY_SPARK_MASTER", "spark://spark-master"),
        ("ASSAY_SPARK_MASTER", "yarn"),
        ("ASSAY_LISTEN", "everywhere"),
        ("ASSAY_POSTGRES", "postgres"),
        ("ASSAY_POSTGRES", "postgres:port"),
        ("ASSAY_POSTGRES", ":5432"),
        ("ASSAY_AIRFLOW", "airflow:70000"),
        ("ASSAY_AIRFLOW_PAGE", "airflow.example"),
        ("ASSAY_GATEWAY_PAGE", "gateway.example"),
        ("ASSAY_ONE_WRITER", "true"),
        ("ASSAY_LOG", "yaml"),
        ("ASSAY_LAKE", "s3://bucket/lake"),
        ("ASSAY_LAKE", "s3a://Bucket"),
        ("ASSAY_LAKE", "/lake"),
        ("ASSAY_FILES", "s3a://bucket/a b"),
        ("ASSAY_GATEWAY_TO", "topic"),
        ("ASSAY_GATEWAY_LAG", "0"),
        ("ASSAY_GATEWAY_LAG", "1e6"),
        ("ASSAY_KAFKA", "broker"),
        ("ASSAY_KAFKA", "broker:9092,"),
        ("ASSAY_KAFKA", "broker:90920"),
        ("ASSAY_KAFKA", "kafka://broker:9092"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"{name}='{value}'".replace("[", r"\[")):
        load_settings({**CONTAINER, name: value})


@pytest.mark.parametrize("name", ["ASSAY_POSTGRES", "ASSAY_AIRFLOW"])
def test_half_a_stack_in_containers_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="ASSAY_POSTGRES and ASSAY_AIRFLOW go together"):
        load_settings({**CONTAINER, name: ""})


def test_a_cluster_needs_a_driver_that_its_workers_reach() -> None:
    with pytest.raises(SettingsError, match=r"set ASSAY_LISTEN=0\.0\.0\.0"):
        load_settings({**CONTAINER, "ASSAY_LISTEN": ""})


@pytest.mark.parametrize("form", ["sc://host:443/;{}", "sc://host:443;{}", "sc://host:443/;{};"])
def test_the_parameters_of_a_server_are_kept_from_whoever_prints_settings(form: str) -> None:
    parameters = "token=canary;x-databricks-cluster-id=1"
    settings = load_settings({**CONTAINER, "ASSAY_SPARK_MASTER": form.format(parameters)})
    assert settings.is_remote
    assert settings.is_cluster, "its executors are elsewhere"
    assert settings.spark_master == "sc://host:443"
    assert settings.spark_remote == f"sc://host:443/;{parameters}"
    assert "canary" not in repr(settings)


@pytest.mark.parametrize("master", ["spark://host:7077", "sc://host", "sc://me:canary@host:1"])
def test_a_refused_server_is_named_without_its_parameters(master: str) -> None:
    with pytest.raises(SettingsError, match="ASSAY_SPARK_MASTER='s") as refused:
        load_settings({**CONTAINER, "ASSAY_SPARK_MASTER": f"{master};token=canary"})
    assert "token=canary" not in str(refused.value)


@pytest.mark.parametrize("master", ["sc://spark-connect:15002", "local[*]"])
def test_containers_name_their_spark_for_there_is_no_warm_one(master: str) -> None:
    assert load_settings({**CONTAINER, "ASSAY_SPARK_MASTER": master}).spark_master == master
    with pytest.raises(SettingsError, match="name a server, a cluster, or local"):
        load_settings({**CONTAINER, "ASSAY_SPARK_MASTER": ""})


def test_a_lake_on_s3_is_reached_openly_only_when_that_is_said() -> None:
    lake = {"ASSAY_LAKE": "s3a://bucket/lake", "AWS_ENDPOINT_URL": "http://127.0.0.1:9000"}
    assert str(load_settings({**lake, "AWS_ALLOW_HTTP": "true"}).lake) == "s3a://bucket/lake"
    with pytest.raises(SettingsError, match=r"AWS_ENDPOINT_URL=.* is not encrypted"):
        load_settings(lake)
