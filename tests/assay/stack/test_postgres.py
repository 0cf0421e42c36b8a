"""The embedded Postgres lets nobody in without a password, and survives a broken set-up."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from assay.errors import StackError
from assay.settings import Settings
from assay.stack.ports import choose_ports, load_ports
from assay.stack.postgres import (
    data_folder,
    dsn,
    ensure_cluster,
    ensure_databases,
    server_command,
    server_user,
)


@pytest.fixture
def server(settings: Settings) -> Iterator[Settings]:
    """A running cluster, run as the supervisor would run it."""
    choose_ports(settings, print)
    ensure_cluster(settings)
    process = subprocess.Popen(
        server_command(settings, load_ports(settings)["postgres"]),
        user=server_user(),
        extra_groups=[] if server_user() else None,
        cwd="/",
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_it_answers(settings)
        ensure_databases(settings)
        yield settings
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def wait_until_it_answers(settings: Settings) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(dsn(settings, "postgres", "postgres")).close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def test_roles_reach_their_own_database_only(server: Settings) -> None:
    for role in ("assay_owner", "assay_loader", "assay_reader"):
        with psycopg.connect(dsn(server, role)) as connection:
            row = connection.execute("SELECT current_user, current_setting('TimeZone')").fetchone()
            assert row == (role, "UTC")
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(dsn(server, role, "airflow"))
    psycopg.connect(dsn(server, "airflow", "airflow")).close()


def test_nobody_gets_in_without_the_password(server: Settings) -> None:
    port = load_ports(server)["postgres"]
    for password in ("", "wrong"):
        for role in ("postgres", "assay_reader"):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(
                    host="127.0.0.1", port=port, user=role, password=password, dbname="postgres"
                )


def test_text_sorts_by_code_point_and_setting_up_again_changes_nothing(server: Settings) -> None:
    ensure_cluster(server)
    ensure_databases(server)
    with psycopg.connect(dsn(server, "assay_owner")) as connection:
        row = connection.execute(
            "SELECT datcollate, pg_encoding_to_char(encoding), current_setting('wal_compression'),"
            " current_setting('synchronous_commit'), pg_get_userbyid(datdba)"
            " FROM pg_database WHERE datname = 'assay'"
        ).fetchone()
    assert row == ("C", "UTF8", "pglz", "on", "assay_owner")


def test_the_server_sees_no_variable_of_ours(settings: Settings) -> None:
    command = server_command(settings, 1)
    assert command[:2] == ["/usr/bin/env", "-i"]


def test_an_interrupted_set_up_is_started_afresh(settings: Settings) -> None:
    unfinished = data_folder(settings).with_name("data.unfinished")
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18")
    ensure_cluster(settings)
    assert (data_folder(settings) / "global" / "pg_control").exists()
    assert not unfinished.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as another user")
def test_a_folder_that_the_other_user_cannot_enter_is_named_with_the_remedy(
    settings: Settings,
) -> None:
    closed: Path = settings.home / "closed"
    closed.mkdir(mode=0o700)
    inside = Settings(closed / "home", settings.spark_master, settings.driver_memory)
    with pytest.raises(StackError, match=f"run chmod o\\+x {closed}"):
        ensure_cluster(inside)
