"""Receipts of the gateway that nobody needs any more: old ones, whose records are released.

A record that the release has in quarantine is settled too: its ways from there go by its row_id. A
receipt whose file was rejected, or whose records Kafka has lost, asks for an act, and stays.
"""

from __future__ import annotations

from assay.batch.states import PUBLISHED
from assay.ledger.query import Connection, fetch_value

# All receipts of a file, or none: they cover its records without a gap, which the auditor checks.
OF_FILES = """
    SELECT receipt_id FROM ops.receipt
    WHERE file_name IN (
        SELECT file_name FROM ops.receipt
        WHERE dataset = %(dataset)s AND topic IS NULL
        GROUP BY file_name, slice_id
        HAVING max(accepted_at) < clock_timestamp() - make_interval(days => %(days)s)
           AND EXISTS (
               SELECT FROM ops.batch_slice AS claim JOIN ops.batch USING (batch_id)
               WHERE claim.dataset = %(dataset)s AND claim.slice_id = receipt.slice_id
                 AND claim.verdict = 'accepted' AND claim.batch_is_live
                 AND batch.state = %(published)s))
      AND dataset = %(dataset)s
"""
OF_SLICES = """
    SELECT topic.key AS topic, partition.key AS partition,
           (partition.value ->> 0)::bigint AS first, (partition.value ->> 1)::bigint AS until,
           slice.records > 0 AND slice.released_by IS NOT NULL AND batch.state = %(published)s
               AS is_released
    FROM ops.stream_slice AS slice LEFT JOIN ops.batch ON batch.batch_id = slice.released_by
    CROSS JOIN LATERAL jsonb_each(slice.offsets) AS topic
    CROSS JOIN LATERAL jsonb_each(topic.value) AS partition
    WHERE slice.dataset = %(dataset)s AND slice.offsets IS NOT NULL
"""
# The offsets of a stream go on without a gap, so what it is past, and no slice that is not released
# has, is released.
OF_TOPICS = f"""
    WITH slices AS MATERIALIZED ({OF_SLICES}),
    reach AS (
        SELECT topic, partition, min(first) AS first, max(until) AS until
        FROM slices GROUP BY topic, partition
    ),
    unsettled AS MATERIALIZED (SELECT * FROM slices WHERE is_released IS NOT TRUE)
    SELECT receipt_id FROM ops.receipt
    WHERE dataset = %(dataset)s AND topic IS NOT NULL
      AND accepted_at < clock_timestamp() - make_interval(days => %(days)s)
      AND NOT EXISTS (
          SELECT FROM jsonb_each(receipt.offsets) AS partition
          CROSS JOIN LATERAL jsonb_array_elements(partition.value) AS range
          LEFT JOIN reach ON reach.topic = receipt.topic AND reach.partition = partition.key
                         AND reach.first <= (range.value ->> 0)::bigint
                         AND reach.until >= (range.value ->> 1)::bigint
          WHERE reach.topic IS NULL OR EXISTS (
              SELECT FROM unsettled
              WHERE unsettled.topic = receipt.topic AND unsettled.partition = partition.key
                AND unsettled.first < (range.value ->> 1)::bigint
                AND unsettled.until > (range.value ->> 0)::bigint))
"""  # noqa: S608  # constants of our own


def remove_old_receipts(connection: Connection, dataset: str, days: int, *, dry_run: bool) -> int:
    """Remove receipts of the dataset that are `days` old or older; how many those are.

    Their idempotency keys go with them. A dry run counts them alone.
    """
    asked = {"dataset": dataset, "days": days, "published": PUBLISHED}
    old = f"SELECT receipt_id FROM ({OF_FILES}) AS files UNION ALL ({OF_TOPICS})"  # noqa: S608
    remove = f"DELETE FROM ops.receipt WHERE receipt_id IN ({old}) RETURNING receipt_id"  # noqa: S608
    if dry_run:
        counted: int = fetch_value(connection, f"SELECT count(*) FROM ({old}) AS old", asked)  # noqa: S608
        return counted
    query = f"WITH removed AS ({remove}) SELECT count(*) FROM removed"  # noqa: S608
    removed: int = fetch_value(connection, query, asked)
    return removed
