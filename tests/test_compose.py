"""docker-compose.yaml is valid, opens two pages and the gateway on loopback, knows no password."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from assay.gateway.address import NAME_IN_CONTAINERS, PORT_IN_CONTAINERS
from assay.home.ports import OF_THE_BROKER
from assay.settings import REPOSITORY, load_settings
from assay_stack.kafka import JAVA_OPTIONS
from assay_stack.postgres import OPTIONS
from assay_stack.service import CONNECT_NAME, CONNECT_PORT

FILE = REPOSITORY / "docker-compose.yaml"
ONCE = ("secrets", "airflow-init", "demo", "test")
DEFAULTS = re.compile(r"\$\{(\w+):-([^}]*)\}")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    text = DEFAULTS.sub(r"\2", FILE.read_text())
    known: dict[str, Any] = yaml.safe_load(text)["services"]
    return known


@pytest.fixture(scope="module")
def lasting(services: dict[str, Any]) -> dict[str, Any]:
    return {name: facts for name, facts in services.items() if name not in ONCE}


def test_compose_takes_the_file() -> None:
    if not shutil.which("docker"):
        pytest.skip("Docker is not present")
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        pytest.skip("Docker has no compose")
    for profile in ("", "demo", "gateway", "test", "s3", "kafka"):
        command = ["docker", "compose", "--env-file", ".env.example", "--profile", profile]
        command += ["config", "--quiet"]
        checked = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr


def test_only_airflow_spark_master_and_gateway_are_published_on_loopback(
    services: dict[str, Any],
) -> None:
    published = {name: facts["ports"] for name, facts in services.items() if "ports" in facts}
    assert published.keys() == {"airflow-api-server", "spark-master", "gateway"}
    assert services["gateway"]["profiles"] == ["gateway"]
    for ports in published.values():
        assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_what_stays_is_watched_restarted_and_limited(lasting: dict[str, Any]) -> None:
    assert "airflow-scheduler" in lasting
    for name, facts in lasting.items():
        # An image of ours brings its own check.
        assert facts["image"].startswith("assay") or facts["healthcheck"]["test"], name
        assert not facts.get("healthcheck", {}).get("disable"), name
        assert facts["restart"] == "unless-stopped", name
        assert facts["mem_limit"], name


def test_no_part_has_rights_and_what_it_leaves_is_limited(services: dict[str, Any]) -> None:
    for name, facts in services.items():
        assert facts["cap_drop"] == ["ALL"], name
        assert facts["security_opt"] == ["no-new-privileges:true"], name
        assert facts["pids_limit"], name
        assert facts["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert facts["read_only"] is (name != "s3"), name
    assert services["postgres"]["user"] == "postgres"


def networks(services: dict[str, Any]) -> dict[str, set[str]]:
    """Which networks each service is in."""
    return {
        name: set(facts.get("networks", [] if "network_mode" in facts else ["default"]))
        for name, facts in services.items()
    }


def mounted(facts: dict[str, Any]) -> dict[str, str]:
    """Where each volume of a service is."""
    return dict(volume.split(":")[:2] for volume in facts["volumes"])


def test_what_airflow_executes_is_out_of_the_workers_reach(services: dict[str, Any]) -> None:
    """Its code is in the read-only image; its home a tmpfs; its scratch, a volume of its own."""
    image = (REPOSITORY / "Dockerfile").read_text()
    home = re.findall(r"^ +AIRFLOW_HOME=(\S+)", image, re.MULTILINE)[0]
    reachable = mounted(services["spark-worker"])
    assert reachable == {"state": "/var/lib/assay", "workers": "/var/lib/assay/tmp"}
    assert not home.startswith(tuple(reachable.values()))
    assert not REPOSITORY.is_relative_to("/var/lib/assay")
    for name in ("api-server", "scheduler", "dag-processor", "triggerer"):
        facts = services[f"airflow-{name}"]
        assert any(place.startswith(f"{home}:uid=10001,mode=0700") for place in facts["tmpfs"])
        assert mounted(facts)["drivers"] == "/var/lib/assay/tmp"
        assert "user" not in facts, "that of the image"
    user = {services[name]["user"] for name in ("spark-master", "spark-worker")}
    assert user == {"10002:10001"}
    assert not services["spark-master"]["volumes"]


def test_secrets_are_where_they_are_needed(services: dict[str, Any]) -> None:
    holders = {name for name, facts in services.items() if "secrets" in mounted(facts)}
    airflow = {name for name in services if name.startswith("airflow-")}
    assert holders == {"secrets", "demo", "gateway", *airflow}
    theirs = {name for name, facts in services.items() if "postgres-password" in mounted(facts)}
    assert theirs == {"secrets", "postgres"}


def test_the_cluster_reaches_its_driver_and_no_other_part(services: dict[str, Any]) -> None:
    known = networks(services)
    assert {name for name, own in known.items() if "spark" in own} == {
        "spark-master",
        "spark-worker",
        "spark-connect",
        "s3",
    }
    assert known["spark-worker"] == known["spark-master"] == {"spark"}


def test_the_broker_has_a_volume_of_its_own_and_no_worker_reaches_it(
    services: dict[str, Any],
) -> None:
    """Who reaches it may write any topic."""
    assert mounted(services["kafka"]) == {"kafka": "/var/lib/assay"}
    assert networks(services)["kafka"] == {"default"}
    assert networks(services)["spark-worker"].isdisjoint({"default"})
    assert "ports" not in services["kafka"]


def test_clients_of_the_broker_are_sent_on_to_the_name_that_they_have_for_it(
    services: dict[str, Any],
) -> None:
    broker = services["kafka"]
    assert broker["hostname"] == "kafka", "which it advertises"
    assert broker["profiles"] == ["kafka"]
    example = (REPOSITORY / ".env.example").read_text()
    assert f"`kafka:{OF_THE_BROKER['kafka']}` for the broker of the profile" in example
    for name in ("airflow-scheduler", "demo", "gateway"):
        assert "ASSAY_KAFKA" in services[name]["environment"], name


def test_a_limit_of_memory_leaves_room_beside_the_heap(services: dict[str, Any]) -> None:
    heap = next(each for each in JAVA_OPTIONS if each.startswith("-Xmx"))
    assert size(services["kafka"]["mem_limit"]) >= 2 * size(heap.removeprefix("-Xmx"))
    scheduler = services["airflow-scheduler"]
    streams = size(scheduler["environment"]["ASSAY_STREAM_MEMORY"])
    assert size(scheduler["mem_limit"]) >= 2 * streams + (1 << 30), "and Airflow's tasks"


def size(text: str) -> int:
    """Bytes of a size such as 256m."""
    return int(text[:-1]) << {"m": 20, "g": 30}[text[-1]]


def test_producers_are_told_where_the_gateway_is_published(services: dict[str, Any]) -> None:
    gateway = services["gateway"]
    published, inside = gateway["ports"][0].rsplit(":", 1)
    assert int(inside) == PORT_IN_CONTAINERS
    assert NAME_IN_CONTAINERS in services
    for name in ("airflow-scheduler", "gateway"):
        assert services[name]["environment"]["ASSAY_GATEWAY_PAGE"] == f"http://{published}"


def test_the_server_takes_work_from_the_scheduler_alone(services: dict[str, Any]) -> None:
    """It runs what it is sent; so it listens at a name that no other container can look up."""
    known, server = networks(services), services["spark-connect"]
    assert {name for name, own in known.items() if "connect" in own} == {
        "airflow-scheduler",
        "spark-connect",
    }
    assert known["spark-connect"] == {"connect", "spark"}
    assert server["networks"] == {"connect": {"aliases": [CONNECT_NAME]}, "spark": None}
    assert mounted(server) == {"state": "/var/lib/assay", "drivers": "/var/lib/assay/tmp"}
    assert "ports" not in server
    remote = services["airflow-scheduler"]["environment"]["ASSAY_SPARK_MASTER"]
    assert remote == f"sc://{server['hostname']}:{CONNECT_PORT}"


def test_the_parameters_of_a_server_elsewhere_are_told_to_the_scheduler_alone() -> None:
    """One of them may be a token."""
    told = yaml.safe_load(FILE.read_text())["services"]
    by_user = {
        name
        for name, facts in told.items()
        if "$" in facts.get("environment", {}).get("ASSAY_SPARK_MASTER", "")
    }
    assert by_user == {"airflow-scheduler"}


def test_the_scheduler_stops_before_what_its_jobs_need(services: dict[str, Any]) -> None:
    scheduler = services["airflow-scheduler"]
    needed = {"airflow-api-server", "spark-connect", "spark-worker"}
    assert scheduler["depends_on"].keys() == needed
    assert services["spark-connect"]["depends_on"].keys() == {"spark-master"}
    assert "TINI_KILL_PROCESS_GROUP" in scheduler["environment"]
    assert scheduler["init"]
    assert scheduler["stop_grace_period"] == "1m"


def test_postgres_trusts_nobody(services: dict[str, Any]) -> None:
    told = services["postgres"]["environment"]["POSTGRES_INITDB_ARGS"].split()
    assert {"--auth-local=scram-sha-256", "--auth-host=scram-sha-256"} <= set(told)


def test_only_who_asks_s3_has_its_keys(services: dict[str, Any]) -> None:
    holders = {
        name
        for name, facts in services.items()
        if "AWS_SECRET_ACCESS_KEY" in facts.get("environment", {})
    }
    ours = {"airflow-init", "airflow-scheduler", "demo", "gateway", "spark-connect"}
    assert holders == {*ours, "s3"}


def test_postgres_has_the_options_of_the_embedded_one(services: dict[str, Any]) -> None:
    here = {"listen_addresses", "unix_socket_directories"}
    given = dict(each[2:].split("=") for each in services["postgres"]["command"][1:])
    assert given == {name: value for name, value in OPTIONS.items() if name not in here}


def test_every_service_gets_settings_that_can_be_read(services: dict[str, Any]) -> None:
    for name, facts in services.items():
        if facts["image"].startswith("assay") and name != "test":
            settings = load_settings(facts["environment"])
            assert settings.runs_elsewhere, name
            assert settings.is_cluster, name
            assert settings.is_remote == (not name.startswith("spark-")), name


def test_the_example_has_every_setting_with_its_default_and_no_password() -> None:
    example = (REPOSITORY / ".env.example").read_text()
    assert dict(re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE)) == dict(
        DEFAULTS.findall(FILE.read_text())
    )
    assert "PASSWORD" not in example
    assert re.findall(r"^#? ?AWS_.*KEY.*=(.+)$", example, re.MULTILINE) == []
    inside = (REPOSITORY / "docker-compose.yaml").read_text()
    assert re.findall(r"PASSWORD\w*: (?!/run/assay/)", inside) == []
