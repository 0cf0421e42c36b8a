"""Publish: what readers of Postgres see moves from one release to the next in one transaction."""

from __future__ import annotations

from assay.publish.batch import publish_batch, publish_pending
from assay.publish.stage import stage_batch
from assay.publish.waiver import waive_rows

__all__ = ["publish_batch", "publish_pending", "stage_batch", "waive_rows"]
