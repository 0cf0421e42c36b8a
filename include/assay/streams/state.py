"""How a stream is, for people: whether it runs, and what it has before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql

from assay.contracts.folders import contract_path
from assay.errors import KafkaUnavailableError, StackError
from assay.intake.take import landing_names
from assay.kafka.access import kafka_access
from assay.ledger.arrivals import Clocks, clocks_of
from assay.ledger.stream_states import StreamState
from assay.serving.live import live_table
from assay.settings import Settings
from assay.streams.lag import records_before
from assay.streams.lists import Lists
from assay.streams.names import Stream

SILENT_SECONDS = 15.0  # a holder says every second that it lives


@dataclass(frozen=True)
class Health:
    """`lag` is what is not in Postgres yet: files, or records of Kafka; None if nobody can say."""

    state: str
    lag: int | None


def health_of(settings: Settings, found: StreamState) -> Health:
    """What a stream of the books is doing now."""
    lags: dict[str, Callable[[Settings, StreamState], int | None]] = {
        "files": _files_before,
        "kafka": _records_before,
    }
    return Health(word_for(found, datetime.now(UTC)), lags[found.source](settings, found))


def word_for(found: StreamState, now: datetime) -> str:
    """stopped, failed, silent (was killed, or its machine is), waiting (for what its error says)
    or running."""
    if found.stopped_at:
        return "failed" if found.error else "stopped"
    if (now - found.seen_at).total_seconds() > SILENT_SECONDS:
        return "silent"
    return "waiting" if found.error else "running"


def _files_before(settings: Settings, found: StreamState) -> int:
    stream = Stream(found.dataset, found.source)
    in_landing = sum(1 for _ in landing_names(settings, found.dataset))
    return in_landing + Lists(stream.folder(settings) / "lists").slices()


def _records_before(settings: Settings, found: StreamState) -> int | None:
    source = Stream(found.dataset, found.source).bronze.source
    if source is None or source.stream is None or not settings.uses_kafka:
        return None
    try:
        access = kafka_access(settings)
        return records_before(access, source.stream.topics, found.next_offsets or {})
    except (OSError, KafkaUnavailableError, StackError):
        return None


def arrivals(connection: psycopg.Connection[Any], found: StreamState) -> Clocks:
    """How far the event times of what is live are from its arrival."""
    if not contract_path("silver", found.dataset).is_file():
        return Clocks()
    silver = Stream(found.dataset, found.source).silver
    live = sql.Identifier(*live_table(silver).split("."))
    return clocks_of(connection, found.stream, found.dataset, live, silver.event_time)
