-- A pipeline may carry several datasets, and a dataset several formats.
ALTER TABLE ops.batch_file
    ADD COLUMN dataset text NOT NULL DEFAULT 'trades',
    ADD COLUMN format text NOT NULL DEFAULT 'csv';
ALTER TABLE ops.batch_file
    ALTER COLUMN dataset DROP DEFAULT,
    ALTER COLUMN format DROP DEFAULT,
    DROP CONSTRAINT batch_file_pkey,
    ADD PRIMARY KEY (batch_id, dataset, file_id, source_file);
ALTER TABLE ops.batch
    DROP CONSTRAINT batch_source_check,
    ADD CONSTRAINT batch_source_check
        CHECK (source IN ('files', 'bronze', 'silver', 'quarantine', 'patch', 'waive'));
COMMENT ON COLUMN ops.batch_file.format IS
    'How the content is read: csv, json (one record a line), json_array or parquet; empty when rejected.';
