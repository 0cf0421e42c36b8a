"""How far a stream of topics is behind them."""

from __future__ import annotations

from collections.abc import Sequence

from assay.kafka.access import KafkaAccess
from assay.kafka.admin import offsets
from assay.ledger.streams import Offsets


def records_before(access: KafkaAccess, topics: Sequence[str], begun: Offsets) -> int:
    """How many offsets of these topics are not recorded yet. Raises KafkaUnavailableError.

    `begun` is the first that is not, by topic and partition. Offsets are a little more than records
    where Kafka keeps marks of its own between them.
    """
    return sum(
        max(0, held.latest - max(begun.get(topic, {}).get(str(number), 0), held.earliest))
        for topic in topics
        for number, held in offsets(access, topic).items()
    )
