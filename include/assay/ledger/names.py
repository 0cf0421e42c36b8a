"""How people name a batch: by its id, by its number, or by the beginning of the hash in its id."""

from __future__ import annotations

from collections.abc import Sequence

from assay.errors import BatchError
from assay.ledger.query import Connection, fetch_all

SHORTEST_HASH = 4
LISTED = 10
# The id ends in a hash of the run's id. Pipelines whose runs begin at the same time have it in
# common, so a hash may name several batches. An id or a number names one, whatever else fits.
NAMED = """
    SELECT batch_id FROM (
        SELECT batch_id, number, min(rank) OVER () AS best, rank FROM (
            SELECT batch_id, number, CASE
                WHEN batch_id = %(name)s THEN 1
                WHEN number::text = %(name)s THEN 2
                WHEN length(%(name)s) >= %(shortest)s
                     AND starts_with(substring(batch_id from '[0-9a-f]{8}$'), %(name)s) THEN 3
            END AS rank
            FROM ops.batch
        ) AS batch
        WHERE rank IS NOT NULL
    ) AS named
    WHERE rank = best ORDER BY number DESC
"""


def batches_named(connection: Connection, name: str) -> list[str]:
    """Ids of the batches that a name may mean, newest first."""
    rows = fetch_all(connection, NAMED, {"name": name, "shortest": SHORTEST_HASH})
    return [batch_id for (batch_id,) in rows]


def batch_named(connection: Connection, name: str) -> str:
    """The id of the one batch that a name means.

    Raises BatchError when it means none, and when it means several, which the error lists.
    """
    found = batches_named(connection, name)
    if not found:
        raise BatchError(f"{name}: no such batch; see `assay batch list`")
    if len(found) > 1:
        raise BatchError(several(name, found))
    return found[0]


def several(name: str, batches: Sequence[str]) -> str:
    """What to say of a name that means more than one batch."""
    more = [f"{len(batches) - LISTED:,} more"] if len(batches) > LISTED else []
    listed = ", ".join([*batches[:LISTED], *more])
    return f"{name!r} names {len(batches):,} batches: {listed}; give the whole id, or the number"
