-- What people have had done to a batch, in the DAG batch_actions or on the command line. The batch
-- itself keeps what came of it last: its state and its error.
CREATE TABLE ops.batch_action (
    action_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch_id text NOT NULL REFERENCES ops.batch,
    action text NOT NULL CHECK (action IN ('retry', 'abandon', 'reject-file')),
    source_file text,
    who text NOT NULL,
    why text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((action = 'reject-file') = (source_file IS NOT NULL))
);
CREATE INDEX batch_action_by_batch ON ops.batch_action (batch_id);
COMMENT ON TABLE ops.batch_action IS
    'Who had what done to which batch, when and why; written once the action is done.';
COMMENT ON COLUMN ops.batch_action.source_file IS 'The file that was rejected, as it was delivered.';
