"""Migrations: numbered SQL files, each applied once, in order, and never changed afterwards."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from assay.errors import StackError
from assay.settings import SQL

DDL = SQL / "ddl"
ADVISORY_LOCK = 4_157_416  # any constant of our own: one migration at a time per database


def migrate(connection: psycopg.Connection[Any], folder: Path = DDL) -> list[str]:
    """Apply every migration that this database lacks, as the owner; return their names.

    Each runs in a transaction of its own. Raises StackError, naming the file, when a file that
    was applied has since changed or is gone.
    """
    connection.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
    connection.commit()
    try:
        applied = _read_applied(connection)
        files = {path.name: path for path in sorted(folder.glob("[0-9]*.sql"))}
        _refuse_changed(files, applied)
        pending = [name for name in files if name not in applied]
        for name in pending:
            _apply(connection, files[name])
        return pending
    finally:
        connection.rollback()
        connection.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])
        connection.commit()


def _read_applied(connection: psycopg.Connection[Any]) -> dict[str, str]:
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        # A notice for each "already exists" would be noise in every start of the stack.
        cursor.execute("SET LOCAL client_min_messages = warning")
        cursor.execute("CREATE SCHEMA IF NOT EXISTS ops")
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS ops.migration (name text PRIMARY KEY,"
            " sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
        )
        return dict(cursor.execute("SELECT name, sha256 FROM ops.migration").fetchall())


def _refuse_changed(files: dict[str, Path], applied: dict[str, str]) -> None:
    for name, digest in sorted(applied.items()):
        if name not in files:
            raise StackError(f"migration {name} was applied to this database but its file is gone")
        if _digest(files[name]) != digest:
            raise StackError(
                f"migration {name} was changed after it was applied; "
                "restore it and put the change into a new file"
            )


def _apply(connection: psycopg.Connection[Any], path: Path) -> None:
    with connection.transaction():
        connection.execute(path.read_bytes())
        connection.execute(
            "INSERT INTO ops.migration (name, sha256) VALUES (%s, %s)", [path.name, _digest(path)]
        )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
