"""Receipts of the gateway that are kept no longer; their idempotency keys go with them."""

from __future__ import annotations

from assay.contracts.folders import contract_path
from assay.contracts.load import load_contract
from assay.ledger.feeds import datasets_seen
from assay.ledger.old_receipts import remove_old_receipts
from assay.ledger.query import Connection
from assay.settings import Settings
from assay.words import count


def trim_receipts(settings: Settings, connection: Connection, *, dry_run: bool) -> str:
    """Remove receipts that their bronze contract keeps no longer, and whose records are released.

    Of a dataset that no batch has seen, nothing is released.
    """
    removed = 0
    for dataset in datasets_seen(connection):
        if contract_path("bronze", dataset).is_file():
            days = load_contract("bronze", dataset).receipt_days
            removed += remove_old_receipts(connection, dataset, days, dry_run=dry_run)
    return f"receipts: {count(removed, 'receipt')} {'to remove' if dry_run else 'removed'}"
