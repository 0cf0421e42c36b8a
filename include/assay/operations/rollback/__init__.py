"""Rollback: readers, silver, gold and quarantine go back to an earlier release, losing nothing."""

from __future__ import annotations

from assay.operations.rollback.request import Request, find_pipeline, with_whole_id
from assay.operations.rollback.run import roll_back

__all__ = ["Request", "find_pipeline", "roll_back", "with_whole_id"]
