"""GET /v1/receipts/{id}: where the records of a request are now."""

from __future__ import annotations

from typing import Any

from assay.batch.states import ABANDONED, DRY_RUN, ROLLED_BACK
from assay.ledger.receipts import Receipt, Whereabouts


def state_of(now: Whereabouts) -> tuple[str, str]:
    """The state of a receipt, and a sentence for people."""
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
        return "rejected", f"its file was rejected: {now.set_apart}"
    if now.parked:
        return "parked", f"{now.stream} has parked its file: {now.parked}"
    return "live", f"shown by {now.stream}, and not yet released"


def describe(receipt: Receipt, now: Whereabouts) -> dict[str, Any]:
    """The answer. `quarantined` is null while no release has judged the records."""
    state, told = state_of(now)
    return {
        "receipt": receipt.receipt_id,
        "dataset": receipt.dataset,
        "accepted_at": receipt.accepted_at.isoformat() if receipt.accepted_at else None,
        "accepted": receipt.records,
        "refused": receipt.refused,
        "state": state,
        "where": told,
        "release": now.release if state == "released" else None,
        "quarantined": now.quarantined if state == "released" else None,
        "file": receipt.file_name,
        "slice": receipt.slice_id,
        "records": {"first": receipt.first_record, "last": receipt.last_record},
    }
