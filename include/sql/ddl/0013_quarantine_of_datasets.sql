-- The same bytes may be delivered to two datasets, so a quarantined row is told by its dataset too:
-- (dataset, row_id), in its table and in the movements. Views keep their columns.

ALTER TABLE ops.quarantine_row DROP CONSTRAINT quarantine_row_pkey, ADD PRIMARY KEY (dataset, row_id);
DROP INDEX ops.quarantine_row_by_dataset; -- the key begins with it
COMMENT ON COLUMN ops.quarantine_row.row_id IS
    'File and record number: the same in every generation, and unique in its dataset.';

ALTER TABLE ops.quarantine_movement ADD COLUMN dataset text;
COMMENT ON COLUMN ops.quarantine_movement.dataset IS 'Of the row that has left.';
-- Until now a row id was unique in all datasets. A replayed row may be gone since a rebuild; the
-- ledger of the batch that it left then has its file.
UPDATE ops.quarantine_movement AS moved
SET dataset = coalesce(
    (SELECT row.dataset FROM ops.quarantine_row AS row WHERE row.row_id = moved.row_id),
    (
        SELECT own.dataset FROM ops.row_ledger AS own
        WHERE own.batch_id = moved.from_batch AND own.file_id = split_part(moved.row_id, ':', 1)
        ORDER BY own.quarantined DESC LIMIT 1
    ),
    (
        SELECT file.dataset FROM ops.batch_file AS file
        WHERE file.file_id = split_part(moved.row_id, ':', 1) ORDER BY file.seen_at LIMIT 1
    ),
    ''
);
ALTER TABLE ops.quarantine_movement
    ALTER COLUMN dataset SET NOT NULL,
    DROP CONSTRAINT quarantine_movement_pkey,
    ADD PRIMARY KEY (dataset, row_id);

CREATE OR REPLACE VIEW ops.quarantine_open AS
SELECT row.*
FROM ops.quarantine_row AS row
WHERE NOT EXISTS (
    SELECT FROM ops.quarantine_movement AS moved
    WHERE moved.dataset = row.dataset AND moved.row_id = row.row_id
);

CREATE OR REPLACE VIEW ops.quarantine_summary AS
SELECT
    row.dataset,
    row.batch_id,
    reason,
    count(*) AS quarantined,
    count(*) FILTER (WHERE moved.how IS NULL) AS open,
    count(*) FILTER (WHERE moved.how = 'replayed') AS replayed,
    count(*) FILTER (WHERE moved.how = 'patched') AS patched,
    count(*) FILTER (WHERE moved.how = 'waived') AS waived
FROM ops.quarantine_row AS row
CROSS JOIN LATERAL unnest(row.reasons) AS reason
LEFT JOIN ops.quarantine_movement AS moved
    ON moved.dataset = row.dataset AND moved.row_id = row.row_id
GROUP BY row.dataset, row.batch_id, reason;

CREATE OR REPLACE VIEW ops.quarantine_balance AS
SELECT
    ledger.batch_id,
    ledger.dataset,
    ledger.quarantined,
    coalesce(found.open, 0) AS open,
    coalesce(found.replayed, 0) AS replayed,
    coalesce(found.patched, 0) AS patched,
    coalesce(found.waived, 0) AS waived
FROM (
    SELECT own.batch_id, own.dataset, sum(own.quarantined)::bigint AS quarantined
    FROM ops.row_ledger AS own
    JOIN ops.batch USING (batch_id)
    JOIN ops.current_release AS newest USING (pipeline)
    WHERE own.generation = newest.generation
    GROUP BY own.batch_id, own.dataset
) AS ledger
LEFT JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE moved.how IS NULL) AS open,
        count(*) FILTER (WHERE moved.how = 'replayed') AS replayed,
        count(*) FILTER (WHERE moved.how = 'patched') AS patched,
        count(*) FILTER (WHERE moved.how = 'waived') AS waived
    FROM ops.quarantine_row AS row
    LEFT JOIN ops.quarantine_movement AS moved
        ON moved.dataset = row.dataset AND moved.row_id = row.row_id
    WHERE row.batch_id = ledger.batch_id AND row.dataset = ledger.dataset
) AS found ON true;
