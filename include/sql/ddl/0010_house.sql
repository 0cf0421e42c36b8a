-- Archived files may be kept for a time only: `archive_days` of the bronze contract.
ALTER TABLE ops.batch_file ADD COLUMN removed_at timestamptz;
COMMENT ON COLUMN ops.batch_file.removed_at IS
    'When maintenance removed the archived file by its contract; null while the file is at its location.';
