"""Where tasks connect to: the Airflow connections `assay_postgres` and `assay_spark`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import psycopg

POSTGRES = "assay_postgres"
SPARK = "assay_spark"


def connect() -> psycopg.Connection:
    """A new connection as the loader role, in autocommit: each ledger function is atomic."""
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    connection = cast("psycopg.Connection", PostgresHook(postgres_conn_id=POSTGRES).get_conn())
    connection.autocommit = True
    return connection


def postgres_uri() -> str:
    """The same as a libpq URI, for ADBC; holds the password, so never log it."""
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    uri: str = PostgresHook(postgres_conn_id=POSTGRES).get_uri()
    return uri.replace("postgresql+psycopg://", "postgresql://", 1)
