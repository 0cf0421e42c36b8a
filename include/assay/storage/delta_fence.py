"""Fences of Delta tables against what an older epoch still writes, put without a JVM."""

from __future__ import annotations

import json
from collections.abc import Mapping

from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, TableNotFoundError

PROPERTY = "assay.fencedBy"  # a version has to change something
TRIES = 5


def fencing(path: str, epoch: int, metadata: Mapping[str, object]) -> CommitProperties:
    """What has Delta skip writes of older epochs that begin later, and refuse those under way."""
    return CommitProperties(
        custom_metadata={"userMetadata": json.dumps(metadata)},
        app_transactions=[Transaction(path.rstrip("/"), epoch)],
    )


def put_fence(path: str, epoch: int) -> None:
    """Have a table take nothing any more of epochs up to this one; no row of it changes.

    The query of a dead client may live on in a Spark server. Where there is no table there is
    nothing to fence: one query does not both make a table and fill it.
    """
    for tried in range(1, TRIES + 1):
        try:
            DeltaTable(path).alter.set_table_properties(
                {PROPERTY: str(epoch)},
                raise_if_not_exists=False,
                commit_properties=fencing(path, epoch, {}),
            )
        except TableNotFoundError:
            return
        except CommitFailedError:  # it came first; the next look at the table sees it
            if tried == TRIES:
                raise
        else:
            return
