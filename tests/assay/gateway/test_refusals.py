"""What is refused is said in JSON, whatever the reason."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from starlette.testclient import TestClient

from assay.gateway.app import make_app
from assay.gateway.keys import make_key
from assay.settings import load_settings


def test_a_fault_of_the_gateway_is_json_too_here_of_a_fake_connection(tmp_path: Path) -> None:
    def connect() -> NoReturn:
        raise KeyError("secret")

    app = make_app(load_settings({"ASSAY_HOME": str(tmp_path)}), connect)
    client = TestClient(app, raise_server_exceptions=False)
    headers = {"Authorization": f"Bearer {make_key().text}"}
    answers = [
        client.get(f"/v1/receipts/{'0' * 32}", headers=headers),
        client.post("/v1/datasets/stocks/events", headers=headers, json={}),
    ]
    for answer in answers:
        told = answer.json()["error"]
        assert answer.status_code == 500, told
        assert told == "the gateway has failed: KeyError, of which its log has more"


def test_a_path_that_is_none_is_json(tmp_path: Path) -> None:
    def connect() -> NoReturn:
        raise AssertionError("nothing is looked up")

    client = TestClient(make_app(load_settings({"ASSAY_HOME": str(tmp_path)}), connect))
    answer = client.get("/v1/nothing")
    assert (answer.status_code, answer.json()) == (404, {"error": "Not Found"})
