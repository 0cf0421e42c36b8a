"""What the program of a stream says of its end; no Spark."""

from __future__ import annotations

import psycopg
import pytest

from assay.errors import FencedError, KafkaUnavailableError, StreamGapError, TopicMissingError
from spark_jobs.streams.application import BROKEN, FENCED, GAP, STOPPED, exit_code


@pytest.mark.parametrize(
    ("met", "code"),
    [
        ([], STOPPED),
        ([KafkaUnavailableError("no broker")], STOPPED),
        ([TopicMissingError("no topic"), psycopg.OperationalError("no Postgres")], STOPPED),
        ([KafkaUnavailableError("no broker"), StreamGapError("lost")], GAP),
        ([StreamGapError("lost"), RuntimeError("odd")], BROKEN),
        ([RuntimeError("odd"), FencedError("newer")], FENCED),
    ],
)
def test_the_exit_code_is_the_worst_of_what_has_ended_its_streams(
    met: list[BaseException], code: int
) -> None:
    """An outage that it was waiting out when it was told to stop is nothing bad."""
    assert exit_code(met) == code
