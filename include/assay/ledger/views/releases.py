"""Releases as people read them: which one readers see, and which were taken back."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg.rows import class_row

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


@dataclass(frozen=True)
class ReleaseView:
    """A release: the versions of its tables and their rows, and by whom it was taken back, if so.

    Times are texts, as Postgres writes them.
    """

    release_id: int
    pipeline: str
    batch_id: str
    generation: int
    batch_number: int | None
    released_at: str
    versions: dict[str, int]
    counts: dict[str, int]
    is_current: bool
    rollback_id: str | None
    who: str | None
    why: str | None
    rolled_back_at: str | None


def list_releases(
    connection: Connection, pipeline: str | None = None, release: int | None = None
) -> list[ReleaseView]:
    """One row per release, oldest first, of a pipeline or with a number; None means all."""
    with connection.cursor(row_factory=class_row(ReleaseView)) as cursor:
        wanted = {"pipeline": pipeline, "release": release}
        return cursor.execute(RELEASES, wanted).fetchall()
