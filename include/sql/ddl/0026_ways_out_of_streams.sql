-- The ways out of streams: slices that people reject, what the audit made of those that were live, and which
-- live.sql has run, so that `assay up` runs a text once.

ALTER TABLE ops.stream_slice
    ADD COLUMN rejected text,
    ADD CONSTRAINT stream_slice_rejected_check CHECK (rejected IS NULL OR released_by IS NULL),
    DROP CONSTRAINT stream_slice_counts_check,
    ADD CONSTRAINT stream_slice_counts_check CHECK (
        CASE WHEN parked IS NULL AND rejected IS NULL THEN live_records + error_records = records
             ELSE live_records + error_records = 0 END);
COMMENT ON COLUMN ops.stream_slice.rejected IS
    'Why a person has rejected the slice: live shows no record of it, and no batch takes it. Null for any other.';
GRANT SELECT (rejected) ON ops.stream_slice TO assay_gateway;

CREATE VIEW ops.stream_slice_audit AS
SELECT
    slice.dataset,
    slice.slice_id,
    slice.stream,
    slice.source_file,
    slice.recorded_at,
    CASE
        WHEN slice.rejected IS NOT NULL THEN 'rejected'
        WHEN batch.state = 'ROLLED_BACK' THEN 'archived'
        WHEN slice.released_by IS NOT NULL THEN 'released'
        WHEN claim.batch_id IS NOT NULL THEN 'claimed'
        ELSE 'pending'
    END AS state,
    coalesce(slice.released_by, claim.batch_id) AS batch_id,
    coalesce(slice.rejected, slice.parked) AS reason,
    slice.records,
    slice.live_records,
    slice.error_records,
    audit.new,
    audit.updated,
    audit.duplicate,
    audit.superseded,
    audit.quarantined,
    CASE WHEN slice.parked IS NULL THEN greatest(audit.quarantined - slice.error_records, 0) END
        AS quarantined_after_live
FROM ops.stream_slice AS slice
LEFT JOIN ops.batch ON batch.batch_id = slice.released_by
LEFT JOIN ops.batch_slice AS claim
    ON claim.dataset = slice.dataset AND claim.slice_id = slice.slice_id
    AND claim.verdict = 'accepted' AND claim.batch_is_live
LEFT JOIN ops.row_ledger AS audit
    ON audit.batch_id = slice.released_by AND audit.dataset = slice.dataset AND audit.slice_id = slice.slice_id;
COMMENT ON VIEW ops.stream_slice_audit IS
    'What live has shown of each slice of a stream, and what the audit has made of it.';
COMMENT ON COLUMN ops.stream_slice_audit.dataset IS 'The dataset of the slice.';
COMMENT ON COLUMN ops.stream_slice_audit.slice_id IS 'Identity of the slice in its dataset.';
COMMENT ON COLUMN ops.stream_slice_audit.stream IS 'The stream that recorded it.';
COMMENT ON COLUMN ops.stream_slice_audit.source_file IS 'The name of the delivered file, or of the slice file.';
COMMENT ON COLUMN ops.stream_slice_audit.recorded_at IS 'When the stream recorded it, and showed its records.';
COMMENT ON COLUMN ops.stream_slice_audit.state IS
    'pending, claimed by a batch, released, rejected by a person, or archived: its release was rolled back without giving it back.';
COMMENT ON COLUMN ops.stream_slice_audit.batch_id IS 'The batch that has claimed or released it; null for none.';
COMMENT ON COLUMN ops.stream_slice_audit.reason IS 'Why it is rejected, or parked; null for neither.';
COMMENT ON COLUMN ops.stream_slice_audit.records IS 'All of its records, good or bad.';
COMMENT ON COLUMN ops.stream_slice_audit.live_records IS 'Those that live has shown as good.';
COMMENT ON COLUMN ops.stream_slice_audit.error_records IS 'Those that live has shown as bad.';
COMMENT ON COLUMN ops.stream_slice_audit.new IS 'Of a released slice, records whose keys were new.';
COMMENT ON COLUMN ops.stream_slice_audit.updated IS 'Of a released slice, records that took the place of a released row.';
COMMENT ON COLUMN ops.stream_slice_audit.duplicate IS 'Of a released slice, records of a content that was there.';
COMMENT ON COLUMN ops.stream_slice_audit.superseded IS
    'Of a released slice, good records of which another version is served.';
COMMENT ON COLUMN ops.stream_slice_audit.quarantined IS 'Of a released slice, records that went to quarantine.';
COMMENT ON COLUMN ops.stream_slice_audit.quarantined_after_live IS
    'How many of the quarantined live had shown as good: the audit took them from readers. Null unless both have judged it.';

CREATE TABLE ops.live_script (
    dataset text PRIMARY KEY,
    sha256 text NOT NULL CHECK (length(sha256) = 64),
    run_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE ops.live_script IS
    'The live.sql of each dataset that has one, as it ran last: `assay up` runs it again when its text is another.';
COMMENT ON COLUMN ops.live_script.dataset IS 'The dataset whose views it makes.';
COMMENT ON COLUMN ops.live_script.sha256 IS 'The sha256 of its text.';
COMMENT ON COLUMN ops.live_script.run_at IS 'When it ran.';
