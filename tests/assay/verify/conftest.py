"""One site with a past, built once; every test audits, or spoils, a copy of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assay.settings import load_settings
from builders.attempts import Attempts
from builders.audited import Past, Site, live_through

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from conftest import Database


@pytest.fixture(scope="session")
def past(spark: SparkSession, postgres: Database, tmp_path_factory: pytest.TempPathFactory) -> Past:
    """Two batches and a full rebuild, published; others empty, abandoned and only tried out."""
    database = replace(postgres, name="audited")
    with postgres.connect("postgres", autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {database.name} OWNER assay_owner TEMPLATE assay_template"
        )
    settings = load_settings({"ASSAY_HOME": str(tmp_path_factory.mktemp("audited"))})
    attempts = Attempts(settings, database.uri(), spark)
    site = Site(settings, database)
    return live_through(attempts, site, tmp_path_factory.mktemp("deliveries"))


@pytest.fixture
def site(past: Past, postgres: Database, database_numbers: Iterator[int], tmp_path: Path) -> Site:
    """A copy of the site at its end; its database goes with the server, which is quicker."""
    home, old = tmp_path / "home", past.site.settings.home
    for folder in ("accepted", "archive", "rejected", "lake"):
        shutil.copytree(old / folder, home / folder)
    copy = replace(postgres, name=f"audited_{next(database_numbers)}")
    with postgres.connect("postgres", autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {copy.name} OWNER assay_owner TEMPLATE {past.site.database.name}"
        )
    site = Site(load_settings({"ASSAY_HOME": str(home)}), copy)
    moved = f"location = replace(location, '{old}', '{home}')"
    site.execute(f"UPDATE ops.batch_slice SET {moved}")  # noqa: S608
    return site
