"""Ports: stable over restarts, and never somebody else's."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from assay.errors import StackError
from assay.home.ports import choose_ports, load_ports, next_free_port
from assay.settings import REPOSITORY, Settings


def test_a_taken_port_is_passed_over_and_said(settings: Settings) -> None:
    first = choose_ports(settings, print)
    said: list[str] = []
    with socket.create_server(("127.0.0.1", first["airflow"])):
        second = choose_ports(settings, said.append)
    assert second["airflow"] > first["airflow"]
    assert second["postgres"] == first["postgres"]
    assert str(first["airflow"]) in said[0]
    assert str(second["airflow"]) in said[0]


def test_the_choice_is_kept_over_restarts(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        free = next_free_port(port, set())
        assert free > port
    (settings.home / "ports.json").write_text(f'{{"airflow": {free}, "postgres": {free + 1}}}')
    chosen = choose_ports(settings, print)
    assert chosen["airflow"] == free
    assert load_ports(settings) == chosen


def test_a_listener_on_all_interfaces_counts_as_taken() -> None:
    with socket.create_server(("0.0.0.0", 0)) as other:  # noqa: S104
        port = other.getsockname()[1]
        assert next_free_port(port, set()) != port


def test_a_stack_that_was_never_started_is_an_error_with_the_remedy(settings: Settings) -> None:
    with pytest.raises(StackError, match="run make up"):
        load_ports(settings)


@pytest.mark.parametrize(
    ("running", "told"), [("", "set ASSAY_AIRFLOW_PORT to a free one in .env"), ("a0b1", "")]
)
def test_a_taken_port_is_named_with_its_setting_before_containers_start(
    tmp_path: Path, running: str, told: str
) -> None:
    """With a `docker` that says what compose says; a stack that runs already has its ports."""
    free = next_free_port(20000, set())
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        (tmp_path / "docker").write_text(
            "#!/bin/sh\n"
            f"case $2$3 in ps*) echo {running} ;;"
            f" configairflow*) echo '        published: \"{port}\"' ;;"
            f" *) echo '        published: \"{free}\"' ;; esac\n"
        )
        (tmp_path / "docker").chmod(0o755)
        done = subprocess.run(
            [REPOSITORY / "include/assay_stack/ports_free.sh"],
            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
        )
    assert (done.returncode, told in done.stderr) == (1 if told else 0, True)
    assert "ASSAY_SPARK_PORT" not in done.stderr
