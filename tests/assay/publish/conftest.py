"""A lake without Spark, and the publish task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from assay import ledger
from assay.batch.plan import Plan
from assay.publish import publish_batch
from builders.published_lake import Lake

if TYPE_CHECKING:
    from conftest import Database


@pytest.fixture
def lake(tmp_path: Path, loader: psycopg.Connection[Any]) -> Lake:
    return Lake(tmp_path, loader)


@pytest.fixture
def publish(database: Database) -> Callable[..., dict[str, Any]]:
    """Publish a plan under the next epoch, as the task does."""

    def run(plan: Plan) -> dict[str, Any]:
        with database.connect(autocommit=True) as connection:
            epoch = ledger.take_epoch(connection, plan.pipeline, "test")
        return publish_batch(database.connect, database.uri(), plan, epoch)

    return run
