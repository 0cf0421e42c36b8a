"""A rollback as a process of its own, for tests that kill or stop it. Arguments: see `main`."""

from __future__ import annotations

import json
import sys

import psycopg

from assay.operations.rollback import Request, roll_back
from assay.settings import load_settings


def main(uri: str, pipeline: str, epoch: str, request: str) -> None:
    """Run the rollback that the JSON text asks for, under an epoch that was taken."""
    asked = Request(**json.loads(request))
    roll_back(
        load_settings(),
        lambda: psycopg.connect(uri, autocommit=True),
        uri,
        pipeline,
        asked,
        int(epoch),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
