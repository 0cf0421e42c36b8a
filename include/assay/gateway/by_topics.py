"""Records become safe as messages of Kafka, acknowledged by all replicas.

Their receipts are written after the acknowledgement, since only that says their offsets. Whoever is
killed between the two has answered nobody; the request is sent again, and its records are in the
topic twice, which the keys of the contract resolve as of any record that was delivered twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from confluent_kafka import KafkaError

from assay.errors import RequestRefusedError
from assay.failpoints import reach
from assay.gateway.commit import BEHIND_RETRY, FAULT_RETRY, Made, Result, new_receipt
from assay.gateway.records import Posted
from assay.gateway.same_topics import SameTopics
from assay.gateway.sender import Sender, Sent
from assay.kafka.access import KafkaAccess
from assay.ledger.receipts import Receipt, Writes, books_time, lacking_receipts, write_receipts

TOO_LARGE = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE)


class ByTopics:
    """Hands groups over to topics; `makes_topics` has those made that are not there."""

    writes: Writes = "topics"

    def __init__(self, access: Callable[[], KafkaAccess], *, makes_topics: bool) -> None:
        self.sender = Sender(access)
        self.topics = SameTopics(access, makes_topics=makes_topics)
        self.owed: Sequence[Receipt] = []

    def begin(self) -> None:
        """Nothing: what was not answered is sent again by who posted it."""

    def settle(self, connection: psycopg.Connection[Any]) -> None:
        """Write the receipts of records that are in a topic, and whose group Postgres has cut off.

        Whoever sends such a request again under its idempotency key gets one of these.
        """
        if self.owed:
            write_receipts(connection, lacking_receipts(connection, self.owed))
            self.owed = []

    def hand_over(self, connection: psycopg.Connection[Any], group: Sequence[Posted]) -> Made:
        """The receipt of each request, or why it has none.

        Raises KafkaUnavailableError when no broker answers, SettingsError when there is none, and
        the errors of Postgres.
        """
        began = books_time(connection)
        self.require()
        faults = self.topics.faults(connection, [posted.prepared.target for posted in group])
        made: dict[int, Result] = {}
        good = []
        for posted in group:
            if fault := faults.get(posted.prepared.target.topic):
                made[id(posted)] = RequestRefusedError(503, fault, retry_after=FAULT_RETRY)
            else:
                good.append(posted)
        for posted, each in zip(good, self._sent(good), strict=True):
            made[id(posted)] = self._refusal(each) or new_receipt(
                posted, topic=posted.prepared.target.topic, offsets=each.ranges, sent_from=began
            )
        self.owed = [each for each in made.values() if isinstance(each, Receipt)]
        write_receipts(connection, self.owed)
        self.owed = []
        reach("gateway.written")
        return made

    def require(self) -> None:
        """Have a session with the brokers. Raises KafkaUnavailableError, SettingsError."""
        if self.sender.producer is None:  # a new session has a look of its own
            self.sender.open()
            self.topics.forget()

    @property
    def trouble(self) -> str:
        """Empty: a topic that is not as it should be is the trouble of its dataset alone."""
        return ""

    def close(self) -> None:
        """End the session with the brokers."""
        self.sender.part()

    def _sent(self, group: Sequence[Posted]) -> Sequence[Sent]:
        sent = self.sender.send([posted.prepared for posted in group]) if group else []
        reach("gateway.acknowledged")
        return sent

    def _refusal(self, sent: Sent) -> RequestRefusedError | None:
        if sent.is_whole:
            return None
        if sent.error is not None and sent.error.code() in TOO_LARGE:
            return RequestRefusedError(413, "a record is larger than the topic takes")
        return RequestRefusedError(
            503, "Kafka did not acknowledge the records; send them again", retry_after=BEHIND_RETRY
        )
