"""The connection assay_s3 reaches a task as its environment, and nothing else does."""

from __future__ import annotations

import json
import os

import pytest

pytestmark = pytest.mark.usefixtures("dag_bag")  # which gives Airflow a home for the tests
WORD = "open sesame"
NAMES = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "ENDPOINT_URL", "REGION")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in NAMES:
        monkeypatch.setenv(f"AWS_{name}", "to be restored")
        monkeypatch.delenv(f"AWS_{name}")
    return monkeypatch


def test_a_task_gets_what_the_connection_says(environment: pytest.MonkeyPatch) -> None:
    from assay_airflow.connections import use_object_store

    extra = {"endpoint_url": "https://s3.example", "region_name": "eu-central-1"}
    facts = {"conn_type": "aws", "login": "key", "password": WORD, "extra": extra}
    environment.setenv("AIRFLOW_CONN_ASSAY_S3", json.dumps(facts))
    use_object_store()
    told = {name: os.environ.get(f"AWS_{name}") for name in NAMES}
    assert [*told.values()] == ["key", WORD, None, "https://s3.example", "eu-central-1"]


def test_without_the_connection_the_environment_stays(environment: pytest.MonkeyPatch) -> None:
    from assay_airflow.connections import use_object_store

    environment.setenv("AWS_REGION", "us-east-1")
    use_object_store()
    assert os.environ["AWS_REGION"] == "us-east-1"
    assert "AWS_ACCESS_KEY_ID" not in os.environ
