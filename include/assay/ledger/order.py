"""What comes after what: by the number of a batch and the epoch of its commit, never by a clock."""

from __future__ import annotations

from collections.abc import Sequence

from assay.batch.states import (
    COMMITTED,
    DRY_RUN,
    IN_LAKE,
    PUBLISHED,
    UNDER_WAY,
    WHOLE_IN_LAKE,
    BatchState,
)
from assay.ledger.query import Connection, fetch_all, fetch_value


def committed_unreleased(connection: Connection, pipeline: str) -> list[str]:
    """Batches that Delta has and readers have not, in the order they were committed."""
    rows = fetch_all(
        connection,
        "SELECT batch_id FROM ops.batch WHERE pipeline = %s AND state = %s ORDER BY commit_epoch",
        [pipeline, COMMITTED],
    )
    return [batch_id for (batch_id,) in rows]


def still_unreleased(batch_id: str) -> str:
    """What to tell a person whose batch waits behind one that is committed and not released."""
    return (
        f"{batch_id} is committed and not released, and nothing comes on top of it: bring it to its"
        f" end with `assay batch retry {batch_id}`, or undo it with `assay release rollback --batch"
        f" {batch_id} --why ...`"
    )


def batches_under_way(
    connection: Connection, datasets: Sequence[str]
) -> list[tuple[str, str, str]]:
    """Batches, pipelines and runs that will change one of these datasets, unless they fail."""
    return fetch_all(
        connection,
        "SELECT batch_id, pipeline, run_id FROM ops.batch WHERE state = ANY(%s)"
        " AND error IS NULL AND source <> 'silver' AND contract_versions ?| %s ORDER BY batch_id",
        [[*UNDER_WAY], [f"silver.{dataset}" for dataset in datasets]],
    )


def runs_before(connection: Connection, pipeline: str, batch_id: str) -> list[str]:
    """The runs of the newest 20 batches registered before this one, or of all, if it is not yet.

    Dry runs are left out: they take no file and no lease.
    """
    rows = fetch_all(
        connection,
        """
        SELECT run_id FROM ops.batch
        WHERE pipeline = %(pipeline)s AND batch_id <> %(batch_id)s AND state <> %(dry)s
          AND number < coalesce(
              (SELECT number FROM ops.batch WHERE batch_id = %(batch_id)s), 9223372036854775807)
        ORDER BY number DESC LIMIT 20
        """,
        {"pipeline": pipeline, "batch_id": batch_id, "dry": DRY_RUN},
    )
    return [run_id for (run_id,) in rows]


def current_generation(connection: Connection, pipeline: str, besides: str = "") -> int:
    """The ledger generation that the lake is in: a rebuild counts once it is committed."""
    generation: int = fetch_value(
        connection,
        "SELECT coalesce(max(generation), 1) FROM ops.batch"
        " WHERE pipeline = %s AND state = ANY(%s) AND batch_id <> %s",
        [pipeline, [*IN_LAKE], besides],
    )
    return generation


def bronze_batches(connection: Connection, pipeline: str) -> list[str]:
    """The batches whose bronze counts, in the order of their commits: what a rebuild reads."""
    rows = fetch_all(
        connection,
        "SELECT batch_id FROM ops.batch WHERE pipeline = %s AND source = 'files'"
        " AND state = ANY(%s) ORDER BY commit_epoch",
        [pipeline, [*WHOLE_IN_LAKE]],
    )
    return [batch_id for (batch_id,) in rows]


def commit_of(connection: Connection, batch_id: str) -> tuple[BatchState, int]:
    """State of a batch, and the epoch of its last whole commit; -1 when there is none."""
    rows = fetch_all(
        connection,
        "SELECT state, coalesce(commit_epoch, -1) FROM ops.batch WHERE batch_id = %s",
        [batch_id],
    )
    return BatchState(rows[0][0]), rows[0][1]


def was_overtaken(connection: Connection, batch_id: str) -> bool:
    """Whether a batch that was registered later is in the lake."""
    found: bool = fetch_value(
        connection,
        "SELECT EXISTS (SELECT FROM ops.batch AS own JOIN ops.batch AS later USING (pipeline)"
        " WHERE own.batch_id = %s AND later.number > own.number AND later.state = ANY(%s))",
        [batch_id, [*IN_LAKE]],
    )
    return found


def next_generation(connection: Connection, pipeline: str) -> int:
    """A generation that no batch has had, for a full rebuild."""
    generation: int = fetch_value(
        connection,
        "SELECT coalesce(max(generation), 0) + 1 FROM ops.batch"
        " WHERE pipeline = %s AND state <> %s",
        [pipeline, DRY_RUN],
    )
    return generation


def generation_of(connection: Connection, batch_id: str) -> int:
    """The generation that a batch was registered in."""
    query = "SELECT generation FROM ops.batch WHERE batch_id = %s"
    generation: int = fetch_value(connection, query, [batch_id])
    return generation


def last_manifest(connection: Connection, pipeline: str) -> str | None:
    """The manifest hash of the published batch that committed last; None when there is none."""
    manifest: str | None = fetch_value(
        connection,
        "SELECT manifest_hash FROM ops.batch WHERE pipeline = %s AND state = %s"
        " ORDER BY commit_epoch DESC LIMIT 1",
        [pipeline, PUBLISHED],
    )
    return manifest
