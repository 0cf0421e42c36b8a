"""`assay url`: what a person needs to begin."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assay.cli.main import app
from assay.home.ports import choose_ports
from assay.settings import load_settings


def test_url_prints_addresses_login_and_the_landing_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    choose_ports(load_settings({"ASSAY_HOME": str(tmp_path)}), print)
    told = CliRunner().invoke(app, ["url"], catch_exceptions=False).output.splitlines()
    assert [line.split()[0] for line in told] == ["Airflow", "Postgres", "Landing"]
    assert told[-1].split() == ["Landing", f"{tmp_path}/landing/<dataset>/"]
    facts = json.loads(CliRunner().invoke(app, ["url", "--json"], catch_exceptions=False).output)
    assert facts["landing"] == f"{tmp_path}/landing"
    assert facts["password"] in told[0]
