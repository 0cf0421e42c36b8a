-- A full rebuild takes a replayed row that is bad again back into quarantine. When that rebuild is rolled
-- back, the row has left quarantine after all, as it was recorded.
CREATE TABLE ops.undone_movement AS SELECT * FROM ops.quarantine_movement WITH NO DATA;
ALTER TABLE ops.undone_movement ADD COLUMN undone_by text NOT NULL REFERENCES ops.batch;
CREATE INDEX undone_movement_by_batch ON ops.undone_movement (undone_by);
COMMENT ON TABLE ops.undone_movement IS
    'Movements out of quarantine that a full rebuild has taken back; kept for the rollback of that rebuild.';
