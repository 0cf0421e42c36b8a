"""Limits of a delivered file, which its contract sets: asked before what costs memory or time."""

from __future__ import annotations

from assay.contracts.model import Contract
from assay.errors import FileRejectedError


def refuse_above(contract: Contract, limit: str, found: int, what: str, remedy: str = "") -> None:
    """Raise FileRejectedError when a file holds more than its contract's `source.limits.<limit>`.

    `what` is what was counted, such as `records`; the `remedy` is what a sender can do.
    """
    most = getattr(contract.limits, limit)
    if found > most:
        cure = f"{remedy}, or raise" if remedy else "raise"
        raise FileRejectedError(
            f"more than {most:,} {what}; {cure} source.limits.{limit}"
            f" in datasets/{contract.name}/dataset.yaml"
        )
