"""A pipeline that lives on releases waits for those that are on their way, though not for ever."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg

from assay import ledger
from assay.intake.releases import await_releases
from builders.ledger_rows import start_batch

if TYPE_CHECKING:
    from conftest import Database

Connection = psycopg.Connection[Any]


def lives(pipeline: str, run_id: str) -> bool:
    """A run that Airflow has not ended; that of the batch `forgotten` was deleted."""
    return (pipeline, run_id) != ("product_returns", "run of forgotten")


def test_waits_until_a_batch_that_is_under_way_is_released(
    database: Database, loader: Connection, said: list[str]
) -> None:
    start_batch(loader, "returns_1", pipeline="product_returns")
    waiting = threading.Thread(
        target=await_releases,
        args=[database.connect, ["ecommerce_events", "product_returns"], lives],
    )
    waiting.start()
    while not said:
        time.sleep(0.05)
    ledger.set_batch_state(loader, "returns_1", "COMMITTING")
    ledger.set_batch_state(loader, "returns_1", "COMMITTED")
    waiting.join(timeout=1)
    assert waiting.is_alive()

    ledger.set_batch_state(loader, "returns_1", "PUBLISHED")
    waiting.join(timeout=30)

    assert not waiting.is_alive()
    assert said == ["waiting up to 120 s for the release of returns_1"]


def test_waits_for_nothing_that_failed_is_over_or_of_other_datasets(
    database: Database, loader: Connection, said: list[str]
) -> None:
    start_batch(loader, "failed", "COMMITTED", pipeline="product_returns")
    ledger.fail_batch(loader, "failed", "the disk is full", epoch=1)
    start_batch(loader, "idle", "EMPTY", pipeline="product_returns")
    start_batch(loader, "other", "COMMITTING", pipeline="trades")
    start_batch(loader, "forgotten", pipeline="product_returns")

    await_releases(database.connect, ["product_returns"], lives)

    assert said == []


def test_goes_on_without_a_release_that_takes_too_long(
    database: Database, loader: Connection, said: list[str]
) -> None:
    start_batch(loader, "stuck", "COMMITTING", pipeline="product_returns")

    await_releases(database.connect, ["product_returns"], lives, patience=1)

    assert said == ["waiting up to 1 s for the release of stuck"]
