-- Receipts whose records are in a topic of Kafka: no file holds them, so they have offsets instead. And
-- receipts have an age at which maintenance removes them.

ALTER TABLE ops.receipt
    ALTER COLUMN file_name DROP NOT NULL,
    ALTER COLUMN slice_id DROP NOT NULL,
    ALTER COLUMN first_record DROP NOT NULL,
    ALTER COLUMN last_record DROP NOT NULL,
    ADD COLUMN topic text,
    ADD COLUMN offsets jsonb CHECK (jsonb_typeof(offsets) = 'object'),
    ADD COLUMN sent_from timestamptz,
    ADD CONSTRAINT receipt_place_check CHECK (
        num_nulls(file_name, slice_id, first_record) = CASE WHEN topic IS NULL THEN 0 ELSE 3 END
        AND num_nulls(topic, offsets, sent_from) = CASE WHEN topic IS NULL THEN 3 ELSE 0 END);
COMMENT ON TABLE ops.receipt IS
    'What the gateway has answered for: one row per request. Its records are in a file in landing, or will be once that is handed over; or in a topic of Kafka.';
COMMENT ON COLUMN ops.receipt.file_name IS
    'The file in the landing folder of the dataset; null of a topic.';
COMMENT ON COLUMN ops.receipt.slice_id IS 'SHA-256 of the file, as in ops.batch_slice; null of a topic.';
COMMENT ON COLUMN ops.receipt.first_record IS
    'Where its records begin in the file, from 1; null of a topic.';
COMMENT ON COLUMN ops.receipt.last_record IS 'Where they end; null of a topic.';
COMMENT ON COLUMN ops.receipt.topic IS 'The topic that has acknowledged its records; null of a file.';
COMMENT ON COLUMN ops.receipt.offsets IS
    'Where they are in it: by partition, ranges of the first offset and the first after it; null of a file.';
COMMENT ON COLUMN ops.receipt.sent_from IS
    'When the gateway began to send them, by the clock of Postgres: their slices were recorded later. Null of a file.';

-- A receipt looks for its offsets among the slices that were recorded since.
CREATE INDEX stream_slice_by_time ON ops.stream_slice (dataset, recorded_at) WHERE offsets IS NOT NULL;
GRANT SELECT (kind, records, offsets, recorded_at) ON ops.stream_slice TO assay_gateway;
GRANT SELECT (stream, dataset, source, next_offsets) ON ops.stream TO assay_gateway;

CREATE INDEX receipt_by_age ON ops.receipt (dataset, accepted_at);
GRANT DELETE ON ops.receipt TO assay_loader;
