"""What passes by itself, and what is of the records."""

from __future__ import annotations

import errno

import psycopg
import pytest

from assay.errors import BatchError, KafkaUnavailableError, ObjectStoreError
from assay.streams.outage import is_outage


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError("connection refused"),
        psycopg.errors.AdminShutdown("terminating connection"),
        psycopg.errors.DiskFull("could not extend file"),
        psycopg.errors.UndefinedColumn('column "colour" does not exist'),
        psycopg.errors.InsufficientPrivilege("permission denied for table"),
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("java.io.IOException: No space left on device"),
        ObjectStoreError("503"),
        KafkaUnavailableError("Kafka does not answer"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_away_comes_back(error: Exception) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.CheckViolation("violates check constraint"),
        psycopg.errors.NumericValueOutOfRange("out of range"),
        FileNotFoundError(errno.ENOENT, "no such file"),
        BatchError("it was written to since"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_of_the_records_does_not(error: Exception) -> None:
    assert not is_outage(error)
