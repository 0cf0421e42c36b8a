"""GET /v1/receipts/{id}: where the records of a request are now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assay.batch.states import ABANDONED, DRY_RUN, ROLLED_BACK
from assay.ledger.receipts import Receipt
from assay.ledger.whereabouts import Whereabouts

# From what asks for an act of the producer or of a person to what is done.
ORDER = (
    *("lost", "rejected", "duplicate", "parked", "rolled_back"),
    *("accepted", "live", "in_batch", "committed", "released"),
)


def state_of(now: Whereabouts) -> tuple[str, str]:
    """The state of records, and a sentence for people."""
    if now.is_lost:
        return (
            "lost",
            f"Kafka lost them before {now.stream} read them: {now.parked}; send them again",
        )
    if now.topic:
        return "accepted", f"in topic {now.topic}; the stream of the dataset takes it"
    is_free = not now.verdict or now.state in (ABANDONED, DRY_RUN)
    if now.stream and (is_free or not (now.is_released or now.state == ROLLED_BACK)):
        return _in_stream(now)
    if is_free:
        return "accepted", "in landing; the next run of its pipeline takes it"
    if now.verdict == "rejected":
        return "rejected", f"its file was rejected: {now.reason}"
    if now.verdict == "duplicate":
        return "duplicate", now.reason
    if now.state == ROLLED_BACK:
        return "rolled_back", f"the release of {now.batch_id} was taken back"
    if now.is_released:
        return "released", f"in release {now.release}, of {now.batch_id}"
    if now.is_in_lake:
        return "committed", f"{now.batch_id} is committed, and about to be released"
    return "in_batch", f"{now.batch_id} has taken it, and is {now.state}"


def _in_stream(now: Whereabouts) -> tuple[str, str]:
    if now.set_apart:
        return "rejected", f"its slice was rejected: {now.set_apart}"
    if now.parked:
        return "parked", f"{now.stream} has parked its slice: {now.parked}"
    return "live", f"shown by {now.stream}, and not yet released"


def describe(receipt: Receipt, places: Sequence[Whereabouts]) -> dict[str, Any]:
    """The answer. `quarantined` is null while no release has judged the records.

    Of records that are in several slices the one that is least far on decides.
    """
    states = [(*state_of(now), now) for now in places]
    state, told, _ = min(states, key=lambda each: ORDER.index(each[0]))
    is_released = state == "released"
    release = max((now.release or 0 for now in places), default=0)
    counts = [now.quarantined for now in places]
    quarantined = None if None in counts else sum(count or 0 for count in counts)
    return {
        "receipt": receipt.receipt_id,
        "dataset": receipt.dataset,
        "accepted_at": receipt.accepted_at.isoformat() if receipt.accepted_at else None,
        "accepted": receipt.records,
        "refused": receipt.refused,
        "state": state,
        "where": told,
        "release": release if is_released else None,
        "quarantined": quarantined if is_released else None,
        **(_in_file(receipt) if receipt.topic is None else _in_topic(receipt, states)),
    }


def _in_file(receipt: Receipt) -> dict[str, Any]:
    records = {"first": receipt.first_record, "last": receipt.last_record}
    return {"file": receipt.file_name, "slice": receipt.slice_id, "records": records}


def _in_topic(receipt: Receipt, states: Sequence[tuple[str, str, Whereabouts]]) -> dict[str, Any]:
    """Offsets are ranges: the first, and the first after it. What waits in Kafka has no slice."""
    slices = [
        {"slice": now.slice_id or None, "state": state, "records": now.records}
        for state, _, now in states
    ]
    return {"topic": receipt.topic, "offsets": receipt.offsets, "slices": slices}
