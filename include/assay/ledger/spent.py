"""Batches that have ended long ago: whose work, and whose history, nothing reads any more."""

from __future__ import annotations

from dataclasses import dataclass

from assay.batch.states import CLOSED, HOLDS_NOTHING, PUBLISHED, ROLLED_BACK, BatchState
from assay.ledger.query import Connection, fetch_all

# The newest batch of a pipeline can be committed again, from its change set.
BUILT_UPON = """EXISTS (
    SELECT FROM ops.batch AS later
    WHERE later.pipeline = batch.pipeline AND later.commit_epoch > batch.commit_epoch
      AND later.state <> %(rolled_back)s
)"""
GONE = {"rolled_back": ROLLED_BACK}  # what BUILT_UPON asks by
SPENT_BATCHES = f"""
    SELECT batch_id FROM ops.batch AS batch
    WHERE finished_at < clock_timestamp() - make_interval(days => %(days)s)
      AND (state = ANY(%(holds_nothing)s)
           OR state = %(published)s AND {BUILT_UPON} AND NOT EXISTS (
               SELECT FROM ops.release WHERE release.batch_id = batch.batch_id
                 AND released_at >= clock_timestamp() - make_interval(days => %(days)s)))
    ORDER BY batch_id
"""  # noqa: S608  # constants of our own
ENDED_BATCHES = """
    SELECT batch_id, state FROM ops.batch
    WHERE state = ANY(%(closed)s)
      AND finished_at < clock_timestamp() - make_interval(days => %(days)s)
      AND pipeline = %(pipeline)s
"""


@dataclass(frozen=True)
class EndedBatch:
    """A batch that no task goes on with."""

    batch_id: str
    state: BatchState


def spent_batches(connection: Connection, days: int) -> list[str]:
    """Batches that ended `days` ago or earlier, and whose change sets nobody commits again."""
    states = {"holds_nothing": [*HOLDS_NOTHING], "published": PUBLISHED, **GONE}
    rows = fetch_all(connection, SPENT_BATCHES, {**states, "days": days})
    return [batch_id for (batch_id,) in rows]


def ended_batches(connection: Connection, pipeline: str, days: int) -> list[EndedBatch]:
    """Batches of the pipeline that ended `days` ago or earlier."""
    asked = {"closed": [*CLOSED], "days": days, "pipeline": pipeline}
    rows = fetch_all(connection, ENDED_BATCHES, asked)
    return [EndedBatch(batch_id, BatchState(state)) for batch_id, state in rows]
