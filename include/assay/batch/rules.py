"""One version for all that decides what becomes of a row: contracts and transformations."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from assay.contracts.load import contracts_of
from assay.settings import GOLD, SPARK_JOBS


def rules_version(datasets: Sequence[str]) -> str:
    """Hash of the datasets' contracts and of every transformation; written into each commit."""
    contracts = [contract.version for contract in contracts_of(datasets)]
    shared = sorted((SPARK_JOBS / "transformations").rglob("*.py"))
    sources = [*shared, *sorted(GOLD.glob("*/build.py"))]
    content = "".join(contracts).encode() + b"".join(path.read_bytes() for path in sources)
    return hashlib.sha256(content).hexdigest()[:12]
