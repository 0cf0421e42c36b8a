"""Releases as people read them: which one readers see, and which were taken back."""

from __future__ import annotations

from typing import Any

from psycopg.rows import dict_row

from assay.ledger.query import Connection

RELEASES = """
    SELECT release.release_id, release.pipeline, release.batch_id, release.generation,
           (SELECT number FROM ops.batch WHERE batch.batch_id = release.batch_id) AS batch_number,
           release.released_at::text AS released_at, release.versions, release.counts,
           current.release_id IS NOT NULL AS is_current,
           rollback.rollback_id, rollback.who, rollback.why,
           rollback.started_at::text AS rolled_back_at
    FROM ops.release
    LEFT JOIN ops.current_release AS current USING (release_id)
    LEFT JOIN ops.rollback ON rollback_id = release.rolled_back_by
    WHERE (%(pipeline)s::text IS NULL OR release.pipeline = %(pipeline)s)
      AND (%(release)s::bigint IS NULL OR release.release_id = %(release)s)
    ORDER BY release.release_id
"""


def list_releases(
    connection: Connection, pipeline: str | None = None, release: int | None = None
) -> list[dict[str, Any]]:
    """One row per release, oldest first, of a pipeline or with a number; None means all."""
    with connection.cursor(row_factory=dict_row) as cursor:
        wanted = {"pipeline": pipeline, "release": release}
        return cursor.execute(RELEASES, wanted).fetchall()
