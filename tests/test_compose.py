"""docker-compose.yaml is valid, opens nothing but two pages on loopback, and knows no password."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from assay.settings import REPOSITORY, load_settings
from assay.stack.postgres import OPTIONS

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
    for profile in ("", "demo", "test", "s3"):
        command = ["docker", "compose", "--env-file", ".env.example", "--profile", profile]
        command += ["config", "--quiet"]
        checked = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr


def test_only_airflow_and_the_spark_master_are_published_on_loopback(
    services: dict[str, Any],
) -> None:
    published = {name: facts["ports"] for name, facts in services.items() if "ports" in facts}
    assert published.keys() == {"airflow-api-server", "spark-master"}
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


def test_parts_of_ours_have_no_rights_and_workers_no_secrets(services: dict[str, Any]) -> None:
    for name, facts in services.items():
        if facts["image"].startswith("assay"):
            assert facts["read_only"], name
            assert facts["cap_drop"] == ["ALL"], name
    for name in ("spark-master", "spark-worker"):
        assert services[name]["volumes"] == ["state:/var/lib/assay"]


def test_only_who_asks_s3_has_its_keys(services: dict[str, Any]) -> None:
    holders = {
        name
        for name, facts in services.items()
        if "AWS_SECRET_ACCESS_KEY" in facts.get("environment", {})
    }
    assert holders == {"airflow-init", "airflow-scheduler", "demo", "s3"}


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


def test_the_example_has_every_setting_with_its_default_and_no_password() -> None:
    example = (REPOSITORY / ".env.example").read_text()
    assert dict(re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE)) == dict(
        DEFAULTS.findall(FILE.read_text())
    )
    assert "PASSWORD" not in example
    assert re.findall(r"^#? ?AWS_.*KEY.*=(.+)$", example, re.MULTILINE) == []
    inside = (REPOSITORY / "docker-compose.yaml").read_text()
    assert re.findall(r"PASSWORD\w*: (?!/run/assay/)", inside) == []
