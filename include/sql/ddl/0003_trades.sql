-- Columns, types and keys are those of the contracts silver.trades, gold.daily_trade_summary and
-- gold.customer_exposure; tests/sql/test_migrations.py compares them one by one. Keys are compared
-- byte by byte (COLLATE "C"): an identifier has no language, and the key index is far cheaper.

CREATE TABLE serving.trade_event (
    trade_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    from_currency text NOT NULL,
    to_currency text NOT NULL,
    from_cost numeric(18, 2) NOT NULL,
    to_cost numeric(18, 2) NOT NULL,
    from_pip numeric(9, 4),
    to_pip numeric(9, 4),
    transaction_date timestamptz NOT NULL,
    transaction_status text NOT NULL,
    created_by text,
    created_on timestamptz,
    updated_by text,
    updated_on timestamptz NOT NULL,
    from_deposited_account text,
    to_debited_account text,
    batch_id text NOT NULL,
    file_id text NOT NULL,
    source_file text NOT NULL,
    record_number bigint NOT NULL,
    PRIMARY KEY (trade_id, customer_id)
);
CREATE INDEX trade_event_by_customer ON serving.trade_event (customer_id);
CREATE INDEX trade_event_by_day ON serving.trade_event USING brin (transaction_date);
COMMENT ON TABLE serving.trade_event IS
    'The latest good version of every trade, with the batch, file and record it came from.';

CREATE TABLE gold.daily_trade_summary (
    trade_day date NOT NULL,
    from_currency text COLLATE "C" NOT NULL,
    to_currency text COLLATE "C" NOT NULL,
    trades bigint NOT NULL,
    completed bigint NOT NULL,
    failed bigint NOT NULL,
    pending bigint NOT NULL,
    from_cost numeric(28, 2) NOT NULL,
    to_cost numeric(28, 2) NOT NULL,
    from_pip_sum numeric(19, 4) NOT NULL,
    from_pip_count bigint NOT NULL,
    to_pip_sum numeric(19, 4) NOT NULL,
    to_pip_count bigint NOT NULL,
    PRIMARY KEY (trade_day, from_currency, to_currency)
);
COMMENT ON TABLE gold.daily_trade_summary IS
    'Volume, cost and status mix per day and currency pair. Sums and counts only: averages do not add.';

CREATE VIEW gold.daily_trade_summary_averages AS
SELECT
    trade_day,
    from_currency,
    to_currency,
    trades,
    from_cost / trades AS average_from_cost,
    to_cost / trades AS average_to_cost,
    from_pip_sum / nullif(from_pip_count, 0) AS average_from_pip,
    to_pip_sum / nullif(to_pip_count, 0) AS average_to_pip
FROM gold.daily_trade_summary;

CREATE TABLE gold.customer_exposure (
    customer_id text COLLATE "C" NOT NULL,
    to_currency text COLLATE "C" NOT NULL,
    trades bigint NOT NULL,
    to_cost numeric(28, 2) NOT NULL,
    last_trade_day date NOT NULL,
    PRIMARY KEY (customer_id, to_currency)
);
COMMENT ON TABLE gold.customer_exposure IS 'What each customer has bought, by currency.';

-- The prior system's batch table, column by column, and now true: see the comments.
CREATE VIEW serving.trade_event_ingest_batch AS
SELECT
    file.batch_id || ':' || left(file.file_id, 16) AS id,
    file.source_file AS file_name,
    file.records AS row_count,
    file.seen_at AS created_dt,
    CASE
        WHEN released.at IS NOT NULL THEN 'COMPLETED'
        WHEN batch.state IN ('FAILED', 'ABANDONED') OR batch.error IS NOT NULL THEN 'FAILED'
        ELSE 'RUNNING'
    END AS ingest_status,
    batch.started_at AS ingest_start_date_time,
    coalesce(released.at, batch.finished_at) AS ingest_end_date_time,
    greatest(file.seen_at, task.reported_at, released.at, batch.finished_at) AS updated_dt,
    task.ingest_epoch AS concurrent_number
FROM ops.batch_file AS file
JOIN ops.batch AS batch USING (batch_id)
LEFT JOIN LATERAL (
    SELECT
        max(greatest(started_at, finished_at)) AS reported_at,
        max(epoch) FILTER (WHERE task_id ~ '(^|[.])ingest_bronze$') AS ingest_epoch
    FROM ops.batch_task
    WHERE batch_task.batch_id = batch.batch_id
) AS task ON true
LEFT JOIN LATERAL (
    SELECT min(released_at) AS at FROM ops.release WHERE release.batch_id = batch.batch_id
) AS released ON true
WHERE batch.pipeline = 'trades' AND file.verdict = 'accepted' AND batch.state <> 'DRY_RUN';

COMMENT ON VIEW serving.trade_event_ingest_batch IS
    'One row per accepted file of a batch of trades, under the column names of the prior system.';
COMMENT ON COLUMN serving.trade_event_ingest_batch.id IS
    'Batch and the first 16 digits of the file''s sha256; stable over retries.';
COMMENT ON COLUMN serving.trade_event_ingest_batch.row_count IS
    'Records of the file, good or bad, counted independently of Spark; ops.row_ledger says what became of each.';
COMMENT ON COLUMN serving.trade_event_ingest_batch.created_dt IS 'When the file was accepted.';
COMMENT ON COLUMN serving.trade_event_ingest_batch.ingest_status IS
    'COMPLETED once released to readers, FAILED when its batch failed or was abandoned before, else RUNNING.';
COMMENT ON COLUMN serving.trade_event_ingest_batch.ingest_start_date_time IS 'When the batch began.';
COMMENT ON COLUMN serving.trade_event_ingest_batch.ingest_end_date_time IS
    'When the batch was first released, or failed; null while it runs.';
COMMENT ON COLUMN serving.trade_event_ingest_batch.updated_dt IS 'The last event of file, task or batch.';
COMMENT ON COLUMN serving.trade_event_ingest_batch.concurrent_number IS
    'Epoch of the latest attempt to ingest the file; null before the first.';
