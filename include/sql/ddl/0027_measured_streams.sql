-- How quick a stream is, which its holder says with every sign of life.

ALTER TABLE ops.stream ADD COLUMN measured jsonb;
COMMENT ON COLUMN ops.stream.measured IS
    'Of the last minute: records a second, seconds from arrival to the row (p50, p95, p99), micro-batches, and the mean seconds of their parts. Null when nothing came.';
