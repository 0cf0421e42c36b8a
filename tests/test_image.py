"""The image that `make image` builds: no root, no secret, no build tool, ready for a first job."""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from typing import Any
from uuid import uuid4

import pytest

from assay.settings import REPOSITORY

IMAGE = "assay:local"
BUILD_TOOLS = ("gcc", "cc", "make", "git", "uv", "hatchling")


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    """What Docker knows of the image."""
    if not shutil.which("docker"):
        pytest.skip("Docker is not present")
    if subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("no Docker daemon answers")
    shown = subprocess.run(["docker", "inspect", IMAGE], capture_output=True, text=True)
    if shown.returncode:
        pytest.skip(f"{IMAGE} is not there; make image builds it")
    found: dict[str, Any] = json.loads(shown.stdout)[0]
    return found


def inside(*command: str) -> str:
    """Standard output of a command in the image, with the rights that compose gives it."""
    limits = ["--read-only", "--cap-drop=ALL", "--network=none", "--tmpfs=/tmp"]
    run = ["docker", "run", "--rm", *limits, "--entrypoint", command[0], IMAGE, *command[1:]]
    return subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip()


def test_it_runs_as_a_user_without_rights(facts: dict[str, Any]) -> None:
    assert facts["Config"]["User"] == "10001"
    who = "import os; print(os.getuid(), os.access('/opt/assay/include', os.W_OK))"
    assert inside("python", "-c", who) == "10001 False"


@pytest.mark.usefixtures("facts")
def test_a_worker_of_spark_reaches_nothing_that_airflow_executes() -> None:
    """The two users of the stack, on one volume for the home, as docker-compose.yaml has them."""
    volume = f"assay-test-{uuid4().hex}"
    prepare = (
        "from assay.settings import load_settings; from assay_stack.service import share_home;"
        "import os; home = load_settings(); share_home(home); (home.logs / 'x').touch();"
        "os.makedirs(home.batches / 'b'); (home.batches / 'b' / 'plan.json').touch()"
    )
    attack = (
        "id -u; for place in $AIRFLOW_HOME/airflow.cfg /opt/assay/dags/x.py /opt/assay/plugins/x.py"
        " logs/y landing/y batches/b/plan.json batches/b/y dags; do"
        " (echo x >$place) 2>/dev/null && echo wrote $place; done;"
        " cat logs/x 2>/dev/null && echo read logs; ls $AIRFLOW_HOME 2>/dev/null && echo read home;"
        " echo x >lake/part && echo wrote lake"
    )
    try:
        on_volume("10001:10001", volume, "python", "-c", prepare)
        told = on_volume("10002:10001", volume, "sh", "-c", attack)
    finally:
        subprocess.run(["docker", "volume", "rm", "--force", volume], capture_output=True)
    assert told.splitlines() == ["10002", "wrote lake"]


def on_volume(user: str, volume: str, *command: str) -> str:
    """Standard output of a command of one of the users, with a volume for the home."""
    run = ["docker", "run", "--rm", "--read-only", "--cap-drop=ALL", "--network=none"]
    run += [f"--user={user}", f"--volume={volume}:/var/lib/assay", "--entrypoint", command[0]]
    done = subprocess.run([*run, IMAGE, *command[1:]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_knows_whether_it_is_well(facts: dict[str, Any]) -> None:
    check = facts["Config"]["Healthcheck"]["Test"]
    assert check[0] == "CMD"
    assert inside("sh", "-c", f"test -x {check[1]} && echo there") == "there"


def test_it_says_what_it_is(facts: dict[str, Any]) -> None:
    labels = facts["Config"]["Labels"]
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert labels["org.opencontainers.image.version"] == project["version"]
    assert labels["org.opencontainers.image.licenses"] == project["license"]
    assert len(labels["org.opencontainers.image.revision"]) == 40


def test_it_holds_no_secret(facts: dict[str, Any]) -> None:
    history = subprocess.run(
        ["docker", "history", "--no-trunc", "--format", "{{.CreatedBy}}", IMAGE],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for text in (*facts["Config"]["Env"], *history.splitlines()):
        assert "PASSWORD" not in text.upper()
        assert "TOKEN" not in text.upper()
    names = ["secrets.json", ".env", "pip.conf", ".netrc", "*.pem", ".git"]
    wanted = " -o ".join(f"-name '{name}'" for name in names)
    folders = "/opt/assay /var/lib/assay /run/assay"
    ours = f"find {folders} -path '*/site-packages' -prune -o '(' {wanted} ')' -print"
    assert inside("sh", "-c", ours) == ""


@pytest.mark.usefixtures("facts")
def test_it_has_no_build_tool() -> None:
    look = "; ".join(f"command -v {tool}" for tool in BUILD_TOOLS)
    assert inside("sh", "-c", f"{look}; ls /opt/assay/.venv/bin/pip 2>/dev/null || true") == ""


@pytest.mark.usefixtures("facts")
def test_java_jars_and_start_up_cache_are_in_it() -> None:
    code = (
        "from assay.settings import load_settings;"
        "from assay.spark_runtime.conf import submit_conf;"
        "import json; print(json.dumps(submit_conf(load_settings())))"
    )
    conf = json.loads(inside("env", "ASSAY_HOME=/tmp", "python", "-c", code))
    assert "-XX:AOTCache=/opt/assay/runtime/java/" in conf["spark.driver.extraJavaOptions"]
    assert conf["spark.driver.extraClassPath"].startswith("/opt/assay/runtime/jars/")
