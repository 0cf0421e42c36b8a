-- Which live.sql has run, so that `assay up` runs a text once.

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
