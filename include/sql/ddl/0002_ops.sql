CREATE TABLE ops.pipeline_lease (
    pipeline text PRIMARY KEY,
    epoch bigint NOT NULL CHECK (epoch > 0),
    holder text NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE ops.pipeline_lease IS
    'One row per pipeline. Each task attempt takes the next epoch; an attempt with an older one is fenced.';

CREATE TABLE ops.batch (
    batch_id text PRIMARY KEY,
    pipeline text NOT NULL,
    run_id text NOT NULL,
    run_type text NOT NULL,
    batch_date date NOT NULL,
    state text NOT NULL CHECK (state IN (
        'RUNNING', 'COMMITTING', 'COMMITTED', 'PUBLISHED', 'EMPTY', 'FAILED', 'ABANDONED', 'DRY_RUN'
    )),
    source text NOT NULL CHECK (source IN ('files', 'bronze')),
    generation integer NOT NULL CHECK (generation > 0),
    manifest_hash text,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    committed_at timestamptz,
    finished_at timestamptz,
    error text,
    summary jsonb,
    contract_versions jsonb
);
CREATE INDEX batch_by_state ON ops.batch (pipeline, state);
COMMENT ON COLUMN ops.batch.generation IS 'Of the row ledger; a full rebuild starts the next one.';
COMMENT ON COLUMN ops.batch.committed_at IS 'When Delta took the batch; batches are released in this order.';

CREATE TABLE ops.batch_file (
    batch_id text NOT NULL REFERENCES ops.batch,
    file_id text NOT NULL,
    source_file text NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('accepted', 'duplicate', 'rejected')),
    reason text NOT NULL,
    records bigint NOT NULL,
    size_bytes bigint NOT NULL,
    header text[] NOT NULL,
    location text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (batch_id, file_id, source_file)
);
CREATE INDEX batch_file_by_content ON ops.batch_file (file_id);
COMMENT ON COLUMN ops.batch_file.file_id IS 'sha256 of the bytes: a path is never an identity.';
COMMENT ON COLUMN ops.batch_file.records IS 'Counted by the Python reader, independent of Spark.';

-- batch_task and validation_result refer to a batch without a foreign key: the attempt that is to
-- register a batch is itself recorded before it does so.
CREATE TABLE ops.batch_task (
    batch_id text NOT NULL,
    task_id text NOT NULL,
    epoch bigint NOT NULL,
    try_number integer NOT NULL,
    state text NOT NULL CHECK (state IN ('RUNNING', 'SUCCESS', 'FAILED', 'SKIPPED', 'FENCED', 'LOST')),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    summary text NOT NULL DEFAULT '',
    metrics jsonb,
    error text,
    PRIMARY KEY (batch_id, task_id, epoch)
);
COMMENT ON COLUMN ops.batch_task.state IS 'LOST: a later attempt began while this one had not reported its end.';

CREATE TABLE ops.row_ledger (
    batch_id text NOT NULL REFERENCES ops.batch,
    dataset text NOT NULL,
    generation integer NOT NULL,
    file_id text NOT NULL,
    records bigint NOT NULL,
    new bigint NOT NULL CHECK (new >= 0),
    updated bigint NOT NULL CHECK (updated >= 0),
    duplicate bigint NOT NULL CHECK (duplicate >= 0),
    superseded bigint NOT NULL CHECK (superseded >= 0),
    quarantined bigint NOT NULL CHECK (quarantined >= 0),
    PRIMARY KEY (batch_id, dataset, file_id),
    CONSTRAINT row_ledger_balances CHECK (records = new + updated + duplicate + superseded + quarantined)
);
COMMENT ON TABLE ops.row_ledger IS
    'What became of every record of every file, at the moment of commit. Within a generation, rows in silver = sum(new).';

CREATE TABLE ops.quarantine_movement (
    row_id text PRIMARY KEY,
    from_batch text NOT NULL,
    to_batch text,
    how text NOT NULL CHECK (how IN ('replayed', 'patched', 'waived')),
    who text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    why text NOT NULL,
    CHECK ((how = 'waived') = (to_batch IS NULL))
);
COMMENT ON TABLE ops.quarantine_movement IS
    'The only way out of quarantine: quarantined(batch) = open + replayed + patched + waived.';

CREATE TABLE ops.validation_result (
    batch_id text NOT NULL,
    epoch bigint NOT NULL,
    layer text NOT NULL CHECK (layer IN ('bronze', 'silver', 'gold')),
    table_name text NOT NULL,
    expectation text NOT NULL,
    frame text NOT NULL,
    type text NOT NULL,
    kwargs jsonb NOT NULL,
    severity text NOT NULL CHECK (severity IN ('fail', 'warn')),
    success boolean NOT NULL,
    overridden boolean NOT NULL DEFAULT false,
    overridden_by text,
    override_reason text,
    observed text,
    unexpected_count bigint,
    failing jsonb,
    checked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (batch_id, epoch, table_name, expectation),
    CHECK (NOT overridden OR (NOT success AND overridden_by <> '' AND override_reason <> ''))
);

CREATE TABLE ops.release (
    release_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pipeline text NOT NULL,
    batch_id text NOT NULL REFERENCES ops.batch,
    epoch bigint NOT NULL,
    generation integer NOT NULL,
    versions jsonb NOT NULL,
    counts jsonb NOT NULL,
    sums jsonb NOT NULL,
    content jsonb NOT NULL,
    released_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (batch_id, versions)
);
CREATE INDEX release_by_pipeline ON ops.release (pipeline, release_id);
COMMENT ON COLUMN ops.release.versions IS 'Table to the Delta version it was released from.';
COMMENT ON COLUMN ops.release.content IS 'Dataset to the digest of the change set that was applied.';

CREATE VIEW ops.current_release AS
SELECT DISTINCT ON (pipeline) *
FROM ops.release
ORDER BY pipeline, release_id DESC;
