"""One publish attempt as a process of its own: publish_process.py PIPELINE EPOCH BATCHES URI."""

from __future__ import annotations

import sys
from pathlib import Path

import psycopg

from assay.batch.plan import read_plan
from assay.errors import FencedError
from assay.publish.batch import publish_pending

FENCED = 3


def main(pipeline: str, epoch: int, batches: Path, uri: str) -> None:
    """Release every committed batch, as the task does."""
    try:
        publish_pending(
            lambda: psycopg.connect(uri, autocommit=True),
            uri,
            pipeline,
            epoch,
            lambda batch_id: read_plan(batches / batch_id / "plan.json"),
        )
    except FencedError as fenced:
        print(fenced)
        sys.exit(FENCED)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
