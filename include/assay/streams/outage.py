"""Which errors are of Postgres, a broker or the disk being away: they pass, and records stay."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import Any

import psycopg

from assay.errors import KafkaUnavailableError, ObjectStoreError
from assay.events.event import Oddity
from assay.events.sinks import emit

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
# Classes of SQLSTATE that say nothing of the rows: connection, a table, column or right that is not
# there (yet: a contract has changed, and `assay up` makes it), resources, operator, system.
OUTAGES = ("08", "42", "53", "57", "58")
# Serialization, deadlock, lock timeout, a transaction that slept.
CONFLICTS = ("40001", "40P01", "55P03", "25P03")


def is_outage(error: BaseException) -> bool:
    """Whether the same would succeed later."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE)
    if isinstance(error, ObjectStoreError | KafkaUnavailableError):
        return True
    if isinstance(error, psycopg.Error):
        state = error.sqlstate or ""
        return (
            (not state and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError))
            or state.startswith(OUTAGES)
            or state in CONFLICTS
        )
    return "No space left on device" in str(error)


def told(error: BaseException) -> str:
    """What went wrong, in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no text'}"[:500]


class Books:
    """A connection to the books that is made anew after an outage."""

    def __init__(self, uri: str, is_stopping: Callable[[], bool]) -> None:
        self._uri = uri
        self._is_stopping = is_stopping
        self._connection: psycopg.Connection[Any] | None = None

    def connection(self) -> psycopg.Connection[Any]:
        """Raises psycopg.OperationalError while Postgres is away."""
        if self._connection is None or self._connection.broken or self._connection.closed:
            self._connection = psycopg.connect(self._uri, autocommit=True, connect_timeout=5)
        return self._connection

    def ask(self, question: Callable[[psycopg.Connection[Any]], Any]) -> Any:
        """The answer to a question, however long Postgres is away.

        Raises StoppedError when the stream is to stop before there is one.
        """
        pause = FIRST_PAUSE
        while True:
            try:
                return question(self.connection())
            except Exception as error:
                if not is_outage(error):
                    raise
                emit(Oddity(f"waiting for Postgres: {told(error)}"))
            self.close()
            wait(pause, self._is_stopping)
            pause = min(2 * pause, LONGEST_PAUSE)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class SparkGoneError(Exception):
    """Spark has ended, which says nothing of the records that it was asked about."""


class StoppedError(Exception):
    """The stream is to stop, and what was to be done is left for its next start."""


def wait(seconds: float, is_stopping: Callable[[], bool]) -> None:
    """Sleep. Raises StoppedError as soon as the stream is to stop."""
    end = time.monotonic() + seconds
    while True:
        if is_stopping():
            raise StoppedError
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, 0.1))
