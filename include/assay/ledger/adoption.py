"""Adoptions: what the books say of a pipeline whose lake another one goes on with."""

from __future__ import annotations

from collections.abc import Sequence

from assay.ledger.query import Connection, fetch_all, fetch_value


def running_task(connection: Connection, pipeline: str) -> tuple[str, str] | None:
    """Batch and task of the newest attempt that runs; None when none does."""
    rows = fetch_all(
        connection,
        "SELECT batch_id, task_id FROM ops.batch_task JOIN ops.batch USING (batch_id)"
        " WHERE pipeline = %s AND batch_task.state = 'RUNNING' ORDER BY epoch DESC LIMIT 1",
        [pipeline],
    )
    return (rows[0][0], rows[0][1]) if rows else None


def datasets_of_batches(connection: Connection, pipelines: Sequence[str]) -> list[str]:
    """The datasets whose silver the batches of these pipelines had a contract for."""
    rows = fetch_all(
        connection,
        "SELECT DISTINCT split_part(name, '.', 2) FROM ops.batch,"
        " jsonb_object_keys(contract_versions) AS name"
        " WHERE pipeline = ANY(%s) AND name LIKE 'silver.%%' ORDER BY 1",
        [[*pipelines]],
    )
    return [dataset for (dataset,) in rows]


def hand_over(connection: Connection, old: str, pipeline: str) -> tuple[int, int]:
    """Give batches and releases to another pipeline: how many batches, and the epoch that was.

    Without a batch nothing is done.
    """
    query = "SELECT count(*)::int FROM ops.batch WHERE pipeline = %s"
    taken: int = fetch_value(connection, query, [old])
    if not taken:
        return 0, 0
    with connection.transaction():
        for table in ("batch", "release"):
            connection.execute(
                f"UPDATE ops.{table} SET pipeline = %s WHERE pipeline = %s",  # noqa: S608
                [pipeline, old],
            )
        gone = fetch_all(
            connection, "DELETE FROM ops.pipeline_lease WHERE pipeline = %s RETURNING epoch", [old]
        )
    return taken, max((int(epoch) for (epoch,) in gone), default=0)


def record_adoption(
    connection: Connection, pipeline: str, table: str, version: int, epoch: int, who: str
) -> None:
    """Keep that a table was adopted at a version; a repeat changes nothing."""
    connection.execute(
        "INSERT INTO ops.adoption (pipeline, table_name, version, epoch, who)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [pipeline, table, version, epoch, who],
    )
