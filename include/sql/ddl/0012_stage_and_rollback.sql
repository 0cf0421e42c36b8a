-- No order depends on a clock: batches are numbered as they are registered, and commits follow one
-- another by the epoch of the lease. Verdicts say what exactly they judged. Releases can be rolled back.

ALTER TABLE ops.batch ADD COLUMN number bigint, ADD COLUMN commit_epoch bigint;
UPDATE ops.batch SET number = counted.number
FROM (SELECT batch_id, row_number() OVER (ORDER BY started_at, batch_id) AS number FROM ops.batch)
    AS counted
WHERE counted.batch_id = batch.batch_id;
UPDATE ops.batch SET commit_epoch = coalesce(
    (SELECT max(epoch) FROM ops.batch_task AS task
     WHERE task.batch_id = batch.batch_id AND task.state = 'SUCCESS' AND task.task_id = 'commit'),
    (SELECT max(epoch) FROM ops.release WHERE release.batch_id = batch.batch_id),
    (SELECT max(epoch) FROM ops.batch_task AS task
     WHERE task.batch_id = batch.batch_id AND task.task_id = 'publish'),
    0)
WHERE committed_at IS NOT NULL;
ALTER TABLE ops.batch
    ALTER COLUMN number SET NOT NULL,
    ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY,
    ADD CONSTRAINT batch_number_key UNIQUE (number);
SELECT setval(pg_get_serial_sequence('ops.batch', 'number'), coalesce(max(number), 0) + 1, false)
FROM ops.batch;
COMMENT ON COLUMN ops.batch.number IS 'The order in which batches were registered; a clock may be set back.';
COMMENT ON COLUMN ops.batch.commit_epoch IS
    'Epoch of the commit that the lake took; batches of a pipeline are released in this order.';
COMMENT ON COLUMN ops.batch.committed_at IS 'When Delta took the batch, by the clock; no order depends on it.';

ALTER TABLE ops.validation_result ADD COLUMN subject text;
COMMENT ON COLUMN ops.validation_result.subject IS
    'What was judged: epoch and digest of the build. Null before this was recorded.';

ALTER TABLE ops.batch
    DROP CONSTRAINT batch_state_check,
    ADD CONSTRAINT batch_state_check CHECK (state IN (
        'RUNNING', 'COMMITTING', 'COMMITTED', 'PUBLISHED', 'EMPTY', 'FAILED', 'ABANDONED', 'DRY_RUN',
        'ROLLED_BACK'
    ));

CREATE TABLE ops.rollback (
    rollback_id text PRIMARY KEY,
    pipeline text NOT NULL,
    to_release bigint REFERENCES ops.release,
    batches text[] NOT NULL CHECK (cardinality(batches) > 0),
    versions jsonb NOT NULL,
    gives_back boolean NOT NULL,
    who text NOT NULL CHECK (who <> ''),
    why text NOT NULL CHECK (why <> ''),
    state text NOT NULL CHECK (state IN ('RESTORING', 'RELEASED', 'DONE')),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz
);
CREATE UNIQUE INDEX one_rollback_at_a_time ON ops.rollback (pipeline) WHERE state <> 'DONE';
COMMENT ON TABLE ops.rollback IS
    'Releases that were taken back: who did it, when and why. RESTORING: the lake is on its way; RELEASED: readers see the earlier release, files are on their way.';
COMMENT ON COLUMN ops.rollback.to_release IS 'The release that readers see again; null when there was none before.';
COMMENT ON COLUMN ops.rollback.batches IS 'The batches that became ROLLED_BACK, newest first.';
COMMENT ON COLUMN ops.rollback.versions IS 'Table to the Delta version that it was restored to.';
COMMENT ON COLUMN ops.rollback.gives_back IS 'Whether the files are pending again; else they are archived.';

ALTER TABLE ops.release ADD COLUMN rolled_back_by text REFERENCES ops.rollback;
COMMENT ON COLUMN ops.release.rolled_back_by IS 'The rollback that took this release back; null while it counts.';
CREATE OR REPLACE VIEW ops.current_release AS
SELECT DISTINCT ON (pipeline) *
FROM ops.release
WHERE rolled_back_by IS NULL
ORDER BY pipeline, release_id DESC;
COMMENT ON VIEW ops.current_release IS 'What readers see now, by pipeline.';
