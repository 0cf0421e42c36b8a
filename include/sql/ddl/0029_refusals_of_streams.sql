-- What streams take from landing and do not accept. Of batches ops.batch_slice has it, by their ids.

CREATE TABLE ops.stream_refusal (
    refusal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream text NOT NULL,
    epoch bigint NOT NULL,
    dataset text NOT NULL,
    slice_id text COLLATE "C" NOT NULL,
    source_file text NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('rejected', 'duplicate')),
    reason text NOT NULL CHECK (reason <> ''),
    size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
    location text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    removed_at timestamptz
);
CREATE INDEX stream_refusal_by_content ON ops.stream_refusal (dataset, slice_id);
COMMENT ON TABLE ops.stream_refusal IS
    'The files that streams have refused: rejected, or put away as duplicates. A file that comes again and is accepted then has its row of ops.stream_slice or ops.batch_slice besides.';
COMMENT ON COLUMN ops.stream_refusal.refusal_id IS 'Grows with time.';
COMMENT ON COLUMN ops.stream_refusal.stream IS 'The stream that took the file, see ops.stream.';
COMMENT ON COLUMN ops.stream_refusal.epoch IS 'The epoch of the stream.';
COMMENT ON COLUMN ops.stream_refusal.dataset IS 'The dataset whose landing folder it was in.';
COMMENT ON COLUMN ops.stream_refusal.slice_id IS
    'SHA-256 of the file, as in ops.batch_slice; empty where it could not be read.';
COMMENT ON COLUMN ops.stream_refusal.source_file IS 'The name that it was delivered under.';
COMMENT ON COLUMN ops.stream_refusal.verdict IS 'rejected, or duplicate.';
COMMENT ON COLUMN ops.stream_refusal.reason IS 'Why; of a duplicate, who has the same content.';
COMMENT ON COLUMN ops.stream_refusal.size_bytes IS 'Its size.';
COMMENT ON COLUMN ops.stream_refusal.location IS
    'Where it was put after this was written. A stream that was cut off between the two judges the file anew, which is another row.';
COMMENT ON COLUMN ops.stream_refusal.seen_at IS 'When it was judged.';
COMMENT ON COLUMN ops.stream_refusal.removed_at IS
    'When maintenance removed a duplicate from the archive; null while it is there.';

GRANT SELECT, INSERT ON ops.stream_refusal TO assay_streamer;
-- Of a verdict only its removal is ever written down.
REVOKE INSERT, UPDATE, DELETE ON ops.stream_refusal FROM assay_loader;
GRANT UPDATE (removed_at) ON ops.stream_refusal TO assay_loader;
GRANT SELECT (refusal_id, dataset, slice_id, verdict, reason, seen_at) ON ops.stream_refusal TO assay_gateway;
GRANT SELECT (seen_at) ON ops.batch_slice TO assay_gateway;
