-- Quarantined rows as readers see them, and what became of each: a row is in quarantine until a
-- movement takes it out. Rows are written by the release of their batch, and never changed.

ALTER TABLE ops.batch
    DROP CONSTRAINT batch_source_check,
    ADD CONSTRAINT batch_source_check CHECK (source IN ('files', 'bronze', 'silver', 'quarantine'));

CREATE TABLE ops.quarantine_row (
    row_id text COLLATE "C" PRIMARY KEY,
    dataset text NOT NULL,
    batch_id text NOT NULL REFERENCES ops.batch,
    generation integer NOT NULL,
    file_id text NOT NULL,
    source_file text NOT NULL,
    record_number bigint NOT NULL,
    reasons text[] NOT NULL CHECK (cardinality(reasons) > 0),
    raw text NOT NULL,
    quarantined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (row_id = file_id || ':' || record_number)
);
CREATE INDEX quarantine_row_by_batch ON ops.quarantine_row (batch_id, dataset);
CREATE INDEX quarantine_row_by_dataset ON ops.quarantine_row (dataset);
CREATE INDEX quarantine_movement_by_batch ON ops.quarantine_movement (to_batch);
COMMENT ON TABLE ops.quarantine_row IS
    'Every record that is in quarantine, or was before a movement; a full rebuild writes it anew.';
COMMENT ON COLUMN ops.quarantine_row.row_id IS 'File and record number: the same in every generation.';
COMMENT ON COLUMN ops.quarantine_row.batch_id IS
    'The batch that judged the record last; after a full rebuild, that of the rebuild.';
COMMENT ON COLUMN ops.quarantine_row.raw IS
    'The text as delivered when it could not be taken apart, else the bronze columns as JSON.';

CREATE VIEW ops.quarantine_open AS
SELECT row.*
FROM ops.quarantine_row AS row
WHERE NOT EXISTS (SELECT FROM ops.quarantine_movement AS moved WHERE moved.row_id = row.row_id);
COMMENT ON VIEW ops.quarantine_open IS 'Quarantined rows that nothing has been done about.';

CREATE VIEW ops.quarantine_summary AS
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
LEFT JOIN ops.quarantine_movement AS moved USING (row_id)
GROUP BY row.dataset, row.batch_id, reason;
COMMENT ON VIEW ops.quarantine_summary IS
    'Rows by dataset, batch and reason; a row with several reasons counts under each.';

CREATE VIEW ops.quarantine_balance AS
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
    LEFT JOIN ops.quarantine_movement AS moved USING (row_id)
    WHERE row.batch_id = ledger.batch_id AND row.dataset = ledger.dataset
) AS found ON true;
COMMENT ON VIEW ops.quarantine_balance IS
    'quarantined = open + replayed + patched + waived, of every batch of the newest generation.';

-- Under the names of the prior systems. An event in quarantine is in no other table of serving.
CREATE VIEW serving.corrupt_records AS
SELECT
    row_id AS id,
    raw AS corrupt_record,
    quarantined_at AS detected_at,
    batch_id,
    array_to_string(reasons, ', ') AS error_type
FROM ops.quarantine_open
WHERE dataset = 'ecommerce_events';
COMMENT ON VIEW serving.corrupt_records IS
    'Open quarantined events under the column names of the second prior system.';

CREATE VIEW serving.user_activity_errors AS
SELECT
    row_id AS error_id,
    fields ->> 'event_id' AS event_id,
    fields ->> 'event_time' AS event_time,
    fields ->> 'event_type' AS event_type,
    fields ->> 'product_id' AS product_id,
    fields ->> 'price' AS price,
    fields ->> 'user_id' AS user_id,
    fields ->> 'session_id' AS session_id,
    array_to_string(reasons, ', ') AS error_message,
    quarantined_at AS ingestion_time
FROM (
    SELECT *, CASE WHEN raw IS JSON OBJECT THEN raw::json END AS fields
    FROM ops.quarantine_open
    WHERE dataset = 'ecommerce_events'
) AS event;
COMMENT ON VIEW serving.user_activity_errors IS
    'Open quarantined events under the column names of the first prior system, as texts; a record that could not be taken apart has its reason only.';
