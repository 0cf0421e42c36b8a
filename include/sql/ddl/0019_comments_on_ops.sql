-- A comment on every table, view and column of ops that had none: psql's \d+ and every tool that reads
-- the catalogue shows them. tests/sql/test_comments.py asks for those of later tables too.

COMMENT ON COLUMN ops.pipeline_lease.pipeline IS 'The pipeline, which is the name of its DAG.';
COMMENT ON COLUMN ops.pipeline_lease.epoch IS 'The newest epoch that was taken. It only grows.';
COMMENT ON COLUMN ops.pipeline_lease.holder IS 'Run, task and try that took the epoch.';
COMMENT ON COLUMN ops.pipeline_lease.taken_at IS 'When it was taken, by the clock; no order depends on it.';

COMMENT ON TABLE ops.batch IS 'Every batch: one run of a pipeline, what it was made from, and what became of it.';
COMMENT ON COLUMN ops.batch.batch_id IS
    'Pipeline, day and a hash of the run''s id; the same for every attempt of a run.';
COMMENT ON COLUMN ops.batch.pipeline IS 'The pipeline, which is the name of its DAG.';
COMMENT ON COLUMN ops.batch.run_id IS 'The run of Airflow that the batch belongs to.';
COMMENT ON COLUMN ops.batch.run_type IS 'What started the run: scheduled, manual, backfill or asset_triggered.';
COMMENT ON COLUMN ops.batch.batch_date IS 'The day of the batch: that of the params, else the logical date of the run.';
COMMENT ON COLUMN ops.batch.state IS 'See the states of a batch in docs/architecture.md.';
COMMENT ON COLUMN ops.batch.source IS
    'What the batch is made from: files (delivered ones, a patch among them), bronze (a full rebuild), silver (releases of other pipelines) or quarantine (a replay or a waiver).';
COMMENT ON COLUMN ops.batch.manifest_hash IS 'Identity of all that the batch takes; null until its plan is frozen.';
COMMENT ON COLUMN ops.batch.started_at IS 'When the batch was registered, by the clock; no order depends on it.';
COMMENT ON COLUMN ops.batch.finished_at IS 'When the batch ended or failed; null while it is under way.';
COMMENT ON COLUMN ops.batch.error IS 'What went wrong last, or what a person should know; null when nothing is.';
COMMENT ON COLUMN ops.batch.summary IS 'Of a dry run, under would_change: what it would have changed.';
COMMENT ON COLUMN ops.batch.contract_versions IS
    'Table to the version of the contract that the batch was planned with.';

COMMENT ON TABLE ops.batch_file IS 'Every file that a batch saw, with its verdict.';
COMMENT ON COLUMN ops.batch_file.batch_id IS 'The batch that saw the file.';
COMMENT ON COLUMN ops.batch_file.source_file IS
    'The name of the file as it was delivered, below the landing folder of its dataset.';
COMMENT ON COLUMN ops.batch_file.verdict IS
    'accepted, duplicate (the pipeline holds the same content already) or rejected.';
COMMENT ON COLUMN ops.batch_file.reason IS 'Why the file was not accepted; empty when it was.';
COMMENT ON COLUMN ops.batch_file.size_bytes IS 'Size of the file as it was delivered, packed or not.';
COMMENT ON COLUMN ops.batch_file.header IS
    'Names of the columns in the order of the file; empty when they were not read.';
COMMENT ON COLUMN ops.batch_file.location IS 'Where the file lies, by the last task that moved it.';
COMMENT ON COLUMN ops.batch_file.seen_at IS 'When the batch saw the file, by the clock; no order depends on it.';
COMMENT ON COLUMN ops.batch_file.dataset IS 'The dataset whose landing folder the file lay in.';

COMMENT ON TABLE ops.batch_task IS
    'Every attempt of every task of a batch, with its end. A run without a batch, such as one that keeps house, has its attempts here under an id made in the same way.';
COMMENT ON COLUMN ops.batch_task.batch_id IS 'The batch, or what stands for it in a run without one.';
COMMENT ON COLUMN ops.batch_task.task_id IS 'The task, as the DAG names it.';
COMMENT ON COLUMN ops.batch_task.epoch IS 'The epoch that the attempt took; 0 when its run was refused.';
COMMENT ON COLUMN ops.batch_task.try_number IS 'Number of the try, as Airflow counts.';
COMMENT ON COLUMN ops.batch_task.started_at IS 'When the attempt began.';
COMMENT ON COLUMN ops.batch_task.finished_at IS 'When the attempt ended; null while it runs.';
COMMENT ON COLUMN ops.batch_task.summary IS 'What the attempt did, in one line.';
COMMENT ON COLUMN ops.batch_task.metrics IS
    'What the attempt measured and made: seconds, queries, commits, versions, rules, contracts, executors, releases; not every task has all.';
COMMENT ON COLUMN ops.batch_task.error IS 'Why the attempt failed; null when it did not.';

COMMENT ON COLUMN ops.row_ledger.batch_id IS 'The batch that the file came in, or that judged it anew.';
COMMENT ON COLUMN ops.row_ledger.dataset IS 'The dataset of the file.';
COMMENT ON COLUMN ops.row_ledger.generation IS
    'A full rebuild starts the next one; sums over several of them mean nothing.';
COMMENT ON COLUMN ops.row_ledger.file_id IS 'sha256 of the file''s bytes.';
COMMENT ON COLUMN ops.row_ledger.records IS
    'All records of the file that the batch judged: the sum of the five classes.';
COMMENT ON COLUMN ops.row_ledger.new IS 'Records whose key silver did not have.';
COMMENT ON COLUMN ops.row_ledger.updated IS 'Records that replaced an earlier version of their key in silver.';
COMMENT ON COLUMN ops.row_ledger.duplicate IS 'Records that silver, or the batch, has with the same content.';
COMMENT ON COLUMN ops.row_ledger.superseded IS 'Good records that a later version of their key leaves without effect.';
COMMENT ON COLUMN ops.row_ledger.quarantined IS 'Records that broke a rule.';

COMMENT ON COLUMN ops.quarantine_movement.row_id IS 'The row that left: file and record number.';
COMMENT ON COLUMN ops.quarantine_movement.from_batch IS 'The batch that had put the row into quarantine.';
COMMENT ON COLUMN ops.quarantine_movement.to_batch IS 'The batch that brought the row in; null when it was waived.';
COMMENT ON COLUMN ops.quarantine_movement.how IS
    'replayed (judged again, and good), patched (replaced by a corrected record) or waived (left out for good).';
COMMENT ON COLUMN ops.quarantine_movement.who IS 'The person whose run moved the row.';
COMMENT ON COLUMN ops.quarantine_movement.at IS 'When the row left quarantine.';
COMMENT ON COLUMN ops.quarantine_movement.why IS 'The reason that the person gave.';

COMMENT ON COLUMN ops.validation_result.batch_id IS 'The batch that was judged.';
COMMENT ON COLUMN ops.validation_result.epoch IS 'The epoch of the attempt that judged.';
COMMENT ON COLUMN ops.validation_result.layer IS 'The gate: bronze, silver or gold.';
COMMENT ON COLUMN ops.validation_result.table_name IS 'The table that the expectation belongs to, with its layer.';
COMMENT ON COLUMN ops.validation_result.expectation IS 'Name of the expectation, as a person reads it.';
COMMENT ON COLUMN ops.validation_result.frame IS
    'What the gate looked at: rows, or a frame of counts; see docs/adding-a-dataset.md.';
COMMENT ON COLUMN ops.validation_result.type IS 'Type of the expectation, in the terms of Great Expectations.';
COMMENT ON COLUMN ops.validation_result.kwargs IS 'Arguments of the expectation, in the terms of Great Expectations.';
COMMENT ON COLUMN ops.validation_result.severity IS
    'fail (the batch ends at this gate) or warn (the verdict is reported).';
COMMENT ON COLUMN ops.validation_result.success IS 'Whether the expectation was met.';
COMMENT ON COLUMN ops.validation_result.overridden IS 'Whether the batch went on although the expectation was not met.';
COMMENT ON COLUMN ops.validation_result.overridden_by IS 'Who let the batch go on; null when nobody did.';
COMMENT ON COLUMN ops.validation_result.override_reason IS 'The reason that this person gave; null when nobody did.';
COMMENT ON COLUMN ops.validation_result.observed IS 'What was found instead, as a text.';
COMMENT ON COLUMN ops.validation_result.unexpected_count IS
    'How many rows did not meet the expectation; null where it is not about rows.';
COMMENT ON COLUMN ops.validation_result.checked_at IS 'When the gate judged.';

COMMENT ON TABLE ops.release IS
    'Every release: which batch became visible to readers, and from which versions of the lake.';
COMMENT ON COLUMN ops.release.release_id IS 'Number of the release; of a later one it is higher, with gaps.';
COMMENT ON COLUMN ops.release.pipeline IS 'The pipeline, which is the name of its DAG.';
COMMENT ON COLUMN ops.release.batch_id IS 'The batch that was released.';
COMMENT ON COLUMN ops.release.epoch IS 'The epoch of the attempt that released it.';
COMMENT ON COLUMN ops.release.generation IS 'Generation of the row ledger; a full rebuild starts the next one.';
COMMENT ON COLUMN ops.release.counts IS 'Table to its number of rows in Postgres, after the release.';
COMMENT ON COLUMN ops.release.sums IS
    'Table to the sums of its measured columns (money, and totals of gold), as exact texts; equal in Postgres and in the lake.';
COMMENT ON COLUMN ops.release.released_at IS 'When it was released, by the clock; no order depends on it.';

COMMENT ON COLUMN ops.quarantine_row.dataset IS 'The dataset of the record.';
COMMENT ON COLUMN ops.quarantine_row.generation IS 'Generation of the row ledger in which the record was judged.';
COMMENT ON COLUMN ops.quarantine_row.file_id IS 'sha256 of the file''s bytes.';
COMMENT ON COLUMN ops.quarantine_row.source_file IS 'The name of the file as it was delivered.';
COMMENT ON COLUMN ops.quarantine_row.record_number IS 'Place of the record in its file, from 1.';
COMMENT ON COLUMN ops.quarantine_row.reasons IS 'Every rule that the record broke, such as price.missing.';
COMMENT ON COLUMN ops.quarantine_row.quarantined_at IS 'When the record was written here, by the release of its batch.';

COMMENT ON COLUMN ops.quarantine_summary.dataset IS 'The dataset of the rows.';
COMMENT ON COLUMN ops.quarantine_summary.batch_id IS 'The batch that judged the rows last.';
COMMENT ON COLUMN ops.quarantine_summary.reason IS 'One of the rules that the rows broke.';
COMMENT ON COLUMN ops.quarantine_summary.quarantined IS
    'All rows with the reason: those that are open and those that have left.';
COMMENT ON COLUMN ops.quarantine_summary.open IS 'Rows that are in quarantine now.';
COMMENT ON COLUMN ops.quarantine_summary.replayed IS 'Rows that were judged again, and were good.';
COMMENT ON COLUMN ops.quarantine_summary.patched IS 'Rows that a corrected record replaced.';
COMMENT ON COLUMN ops.quarantine_summary.waived IS 'Rows that were left out for good.';

COMMENT ON COLUMN ops.quarantine_balance.batch_id IS 'The batch that judged the rows.';
COMMENT ON COLUMN ops.quarantine_balance.dataset IS 'The dataset of the rows.';
COMMENT ON COLUMN ops.quarantine_balance.quarantined IS
    'Records that the row ledger says are quarantined: the sum of the other four.';
COMMENT ON COLUMN ops.quarantine_balance.open IS 'Rows that are in quarantine now.';
COMMENT ON COLUMN ops.quarantine_balance.replayed IS 'Rows that were judged again, and were good.';
COMMENT ON COLUMN ops.quarantine_balance.patched IS 'Rows that a corrected record replaced.';
COMMENT ON COLUMN ops.quarantine_balance.waived IS 'Rows that were left out for good.';

COMMENT ON COLUMN ops.deferred_index.table_name IS 'The table that the index belongs to.';
COMMENT ON COLUMN ops.deferred_index.definition IS 'The statement that builds the index again.';

COMMENT ON COLUMN ops.rollback.rollback_id IS 'Pipeline and epoch of the rollback.';
COMMENT ON COLUMN ops.rollback.pipeline IS 'The pipeline whose releases were taken back.';
COMMENT ON COLUMN ops.rollback.who IS 'The person who asked for it.';
COMMENT ON COLUMN ops.rollback.why IS 'The reason that the person gave.';
COMMENT ON COLUMN ops.rollback.state IS 'RESTORING, RELEASED or DONE; see the comment on the table.';
COMMENT ON COLUMN ops.rollback.started_at IS 'When the rollback began.';
COMMENT ON COLUMN ops.rollback.finished_at IS 'When it was complete; null while it is under way.';

COMMENT ON COLUMN ops.adoption.pipeline IS 'The pipeline that goes on with the table.';
COMMENT ON COLUMN ops.adoption.table_name IS 'The table, with its layer.';
COMMENT ON COLUMN ops.adoption.version IS 'The version of the Delta table that was the newest then.';
COMMENT ON COLUMN ops.adoption.epoch IS 'The highest epoch in the log of the table.';
COMMENT ON COLUMN ops.adoption.who IS 'The person who adopted the lake.';
COMMENT ON COLUMN ops.adoption.at IS 'When it was adopted.';

COMMENT ON COLUMN ops.undone_movement.undone_by IS 'The full rebuild that took the row back into quarantine.';

COMMENT ON COLUMN ops.batch_action.action_id IS 'Number of the action; of a later one it is higher.';
COMMENT ON COLUMN ops.batch_action.batch_id IS 'The batch that was helped.';
COMMENT ON COLUMN ops.batch_action.action IS 'retry, reject-file or abandon.';
COMMENT ON COLUMN ops.batch_action.who IS 'The person who had it done.';
COMMENT ON COLUMN ops.batch_action.why IS 'The reason that the person gave.';
COMMENT ON COLUMN ops.batch_action.at IS 'When it was done.';

COMMENT ON TABLE ops.migration IS 'Which migrations this database has; an applied one never changes.';
COMMENT ON COLUMN ops.migration.name IS 'Name of the file in include/sql/ddl.';
COMMENT ON COLUMN ops.migration.sha256 IS 'Hash of the file when it was applied; one that differs is refused.';
COMMENT ON COLUMN ops.migration.applied_at IS 'When it was applied.';

-- What a view or a copy shows of a table means what it means there.
DO $$
DECLARE
    shown record;
BEGIN
    FOR shown IN
        SELECT pair.copy, own.attname, col_description(base.attrelid, base.attnum) AS told
        FROM (
            VALUES
                ('ops.current_release'::regclass, 'ops.release'::regclass),
                ('ops.quarantine_open', 'ops.quarantine_row'),
                ('ops.undone_movement', 'ops.quarantine_movement')
        ) AS pair (copy, base)
        JOIN pg_attribute AS own ON own.attrelid = pair.copy AND own.attnum > 0
        JOIN pg_attribute AS base ON base.attrelid = pair.base AND base.attname = own.attname
        WHERE NOT own.attisdropped
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', shown.copy, shown.attname, shown.told);
    END LOOP;
END
$$;
