"""Where tasks connect to: the connections `assay_postgres`, `assay_spark`, `assay_s3` and
`assay_kafka`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import psycopg

POSTGRES = "assay_postgres"
SPARK = "assay_spark"
S3 = "assay_s3"
KAFKA = "assay_kafka"


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


def use_object_store() -> None:
    """Give this task, and the jobs that it starts, the keys of the connection assay_s3.

    The keys go into the environment and nowhere else, because Airflow shows a task's rendered
    fields, its command lines and the conf of its jobs. Without the connection, the environment or
    the role of the machine is used.
    """
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        found = Connection.get(S3)
    except AirflowNotFoundException:
        return
    extra = found.extra_dejson
    told = {
        "AWS_ACCESS_KEY_ID": found.login,
        "AWS_SECRET_ACCESS_KEY": found.password,
        "AWS_SESSION_TOKEN": extra.get("aws_session_token"),
        "AWS_ENDPOINT_URL": extra.get("endpoint_url"),
        "AWS_REGION": extra.get("region_name"),
        "AWS_ALLOW_HTTP": extra.get("allow_http"),
    }
    os.environ.update({name: str(value) for name, value in told.items() if value})


def use_kafka_login() -> None:
    """Leave what the connection assay_kafka holds in the login file, for the jobs of this home.

    A file, because a job is given none of the secrets in the environment of its task. Without the
    connection, the file stays what it is.
    """
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    from assay.kafka.access import access_of_connection, write_login
    from assay.settings import load_settings

    try:
        found = Connection.get(KAFKA)
    except AirflowNotFoundException:
        return
    settings = load_settings()
    access = access_of_connection(settings, found.login, found.password, found.extra_dejson)
    write_login(settings, access)
