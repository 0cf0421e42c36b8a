"""Reading the books while requests wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg

from assay.errors import RequestRefusedError
from assay.events.event import Progress
from assay.events.sinks import emit
from assay.gateway.commit import Connect
from assay.ledger.gateway_keys import GatewayKey, find_key


class Books:
    """A connection that reads the books, one question at a time; made anew when it is lost."""

    def __init__(self, connect: Connect) -> None:
        self.connect = connect
        self.lock = threading.Lock()
        self.connection: psycopg.Connection[Any] | None = None

    def ask(self, question: Callable[[psycopg.Connection[Any]], Any]) -> Any:
        """The answer of the books. Raises RequestRefusedError (503) when they cannot be reached."""
        with self.lock:
            try:
                if self.connection is None or self.connection.closed:
                    self.connection = self.connect()
                return question(self.connection)
            except psycopg.Error as error:
                if self.connection is not None:
                    self.connection.close()
                emit(Progress(f"the books cannot be read: {error}"))
                raise RequestRefusedError(
                    503, "the books cannot be read; ask again", retry_after=5
                ) from error

    def find_key(self, key_id: str) -> GatewayKey | None:
        """The key of this id, if there is one."""
        found: GatewayKey | None = self.ask(lambda connection: find_key(connection, key_id))
        return found

    def close(self) -> None:
        """End the connection."""
        if self.connection is not None:
            self.connection.close()
