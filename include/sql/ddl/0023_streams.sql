-- Streams in the books, and the namespace of what they show before it is audited. The tables of live are
-- made from contracts (assay.serving.live). A stream logs in as assay_streamer, which may write those rows
-- and its own two tables of ops, and nothing else.

DO $$
BEGIN
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO assay_streamer', current_database());
END
$$;

CREATE TABLE ops.stream (
    stream text PRIMARY KEY,
    dataset text NOT NULL,
    source text NOT NULL CHECK (source IN ('files', 'kafka')),
    epoch bigint NOT NULL CHECK (epoch > 0),
    micro_batch bigint CHECK (micro_batch >= 0),
    next_offsets jsonb CHECK (jsonb_typeof(next_offsets) = 'object'),
    holder text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    stopped_at timestamptz,
    error text,
    CHECK (stream = dataset || '.' || source)
);
COMMENT ON TABLE ops.stream IS
    'Every stream that was ever started: who holds it, and how far it has come.';
COMMENT ON COLUMN ops.stream.stream IS 'Dataset and source, with a point between them.';
COMMENT ON COLUMN ops.stream.dataset IS 'The dataset whose records the stream brings.';
COMMENT ON COLUMN ops.stream.source IS 'Where they come from: files of the landing folder, or topics of Kafka.';
COMMENT ON COLUMN ops.stream.epoch IS
    'Counts the starts of the stream. A start takes the next one, and whoever has an earlier one is fenced.';
COMMENT ON COLUMN ops.stream.micro_batch IS
    'The newest micro-batch of this epoch that is recorded; null before the first.';
COMMENT ON COLUMN ops.stream.next_offsets IS
    'Of Kafka, the first offset that is not recorded, by topic and partition: where the next start begins.';
COMMENT ON COLUMN ops.stream.holder IS 'The process that took the epoch.';
COMMENT ON COLUMN ops.stream.started_at IS 'When the epoch was taken.';
COMMENT ON COLUMN ops.stream.seen_at IS 'When the holder last recorded something, or said that it lives.';
COMMENT ON COLUMN ops.stream.stopped_at IS 'When the holder ended well; null while it runs, or was killed.';
COMMENT ON COLUMN ops.stream.error IS 'What went wrong last; null once a micro-batch is recorded.';

CREATE TABLE ops.stream_slice (
    dataset text NOT NULL,
    slice_id text NOT NULL CHECK (strpos(slice_id, ':') = 0),
    stream text NOT NULL REFERENCES ops.stream,
    epoch bigint NOT NULL,
    micro_batch bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('file', 'stream')),
    format text NOT NULL,
    source_file text NOT NULL,
    path text NOT NULL,
    header text[] NOT NULL,
    records bigint NOT NULL CHECK (records >= 0),
    live_records bigint NOT NULL CHECK (live_records >= 0),
    error_records bigint NOT NULL CHECK (error_records >= 0),
    size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
    sha256 text NOT NULL CHECK (length(sha256) = 64),
    offsets jsonb CHECK (jsonb_typeof(offsets) = 'object'),
    slice_date date NOT NULL,
    parked text,
    contract_version text NOT NULL,
    released_by text REFERENCES ops.batch,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (dataset, slice_id),
    CHECK ((kind = 'stream') = (offsets IS NOT NULL)),
    CONSTRAINT stream_slice_counts_check CHECK (
        CASE WHEN parked IS NULL THEN live_records + error_records = records
             ELSE live_records + error_records = 0 END)
);
CREATE INDEX stream_slice_by_stream ON ops.stream_slice (stream, epoch, micro_batch);
-- A stream records a slice a second for years; what a batch looks for is among the newest of them.
CREATE INDEX stream_slice_unreleased ON ops.stream_slice (dataset, recorded_at) WHERE released_by IS NULL;
COMMENT ON TABLE ops.stream_slice IS
    'Every slice that a stream has recorded, in the transaction that showed its records in live. Its rows stay. A batch claims one as it does a file: by an accepted row of ops.batch_slice.';
COMMENT ON COLUMN ops.stream_slice.dataset IS 'The dataset of the slice.';
COMMENT ON COLUMN ops.stream_slice.slice_id IS
    'Identity of the slice in its dataset: of a file, the sha256 of its bytes; else stream, epoch and micro-batch.';
COMMENT ON COLUMN ops.stream_slice.stream IS 'The stream that recorded it.';
COMMENT ON COLUMN ops.stream_slice.epoch IS 'The epoch of the stream in which it was recorded.';
COMMENT ON COLUMN ops.stream_slice.micro_batch IS 'The micro-batch that brought it.';
COMMENT ON COLUMN ops.stream_slice.kind IS
    'file: a delivered file. stream: records of Kafka, in a slice file that the stream has written.';
COMMENT ON COLUMN ops.stream_slice.format IS 'How the slice is read, as in ops.batch_slice.';
COMMENT ON COLUMN ops.stream_slice.source_file IS
    'The name of the file as it was delivered, below the landing folder of its dataset; else that of the slice file.';
COMMENT ON COLUMN ops.stream_slice.path IS
    'Where the file lies until a batch that was released archives it; ops.batch_slice says where then.';
COMMENT ON COLUMN ops.stream_slice.header IS 'The names of its columns, as in ops.batch_slice.';
COMMENT ON COLUMN ops.stream_slice.records IS 'All of its records, good or bad.';
COMMENT ON COLUMN ops.stream_slice.live_records IS 'Those that were shown in the table of live.';
COMMENT ON COLUMN ops.stream_slice.error_records IS 'Those that were shown in its table of errors.';
COMMENT ON COLUMN ops.stream_slice.size_bytes IS 'The size of the file.';
COMMENT ON COLUMN ops.stream_slice.sha256 IS 'The sha256 of the bytes of the file.';
COMMENT ON COLUMN ops.stream_slice.offsets IS
    'Of Kafka, by topic and partition, the first offset of the slice and the first after it; null for a file.';
COMMENT ON COLUMN ops.stream_slice.slice_date IS
    'The day that the slice belongs to: of a file that in its name, else the day on which it came.';
COMMENT ON COLUMN ops.stream_slice.parked IS
    'Why no record of the slice is shown in live, though nothing has released it; a batch judges them as any. Else null.';
COMMENT ON COLUMN ops.stream_slice.contract_version IS
    'The version of the silver contract by which the records were judged and typed.';
COMMENT ON COLUMN ops.stream_slice.released_by IS
    'The batch that released the slice, since when live has none of its rows; null before, and when a rollback made it pending again.';
COMMENT ON COLUMN ops.stream_slice.recorded_at IS 'When the stream recorded the slice.';

ALTER TABLE ops.batch_slice
    DROP CONSTRAINT batch_slice_kind_check,
    ADD CONSTRAINT batch_slice_kind_check CHECK (kind IN ('file', 'stream'));
COMMENT ON COLUMN ops.batch_slice.kind IS
    'file: a delivered file. stream: records of Kafka, in a slice file that a stream has written.';

CREATE SCHEMA live;
COMMENT ON SCHEMA live IS
    'Records of streams, as they come: typed by their contract, and not audited. What is released leaves it.';

GRANT USAGE ON SCHEMA live TO assay_loader, assay_reader, assay_streamer;
ALTER DEFAULT PRIVILEGES IN SCHEMA live GRANT SELECT, INSERT ON TABLES TO assay_streamer;
ALTER DEFAULT PRIVILEGES IN SCHEMA live GRANT SELECT, DELETE ON TABLES TO assay_loader;
ALTER DEFAULT PRIVILEGES IN SCHEMA live GRANT SELECT ON TABLES TO assay_reader;

GRANT USAGE ON SCHEMA ops TO assay_streamer;
GRANT SELECT, INSERT, UPDATE ON ops.stream, ops.stream_slice TO assay_streamer;
GRANT SELECT ON ops.batch, ops.batch_slice TO assay_streamer;
