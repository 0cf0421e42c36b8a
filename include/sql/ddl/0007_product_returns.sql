-- Columns, types and keys are those of the contracts silver.product_returns, gold.daily_returns and
-- gold.returns_by_sku_reason; tests/sql/test_migrations.py compares them one by one.

CREATE TABLE serving.product_return (
    return_id text COLLATE "C" NOT NULL,
    order_id text NOT NULL,
    customer_id text,
    sku text NOT NULL,
    reason text NOT NULL,
    reason_category text,
    qty integer NOT NULL,
    amount numeric(12, 2) NOT NULL,
    return_date date NOT NULL,
    ingest_ts timestamptz NOT NULL,
    batch_id text NOT NULL,
    file_id text NOT NULL,
    source_file text NOT NULL,
    record_number bigint NOT NULL,
    PRIMARY KEY (return_id)
);
CREATE INDEX product_return_by_order ON serving.product_return (order_id);
CREATE INDEX product_return_by_sku ON serving.product_return (sku);
CREATE INDEX product_return_by_day ON serving.product_return USING brin (return_date);
COMMENT ON TABLE serving.product_return IS
    'The latest good version of every return, with the batch, file and record it came from.';

CREATE TABLE gold.returns_by_sku_reason (
    sku text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    returns bigint NOT NULL,
    quantity bigint NOT NULL,
    amount numeric(22, 2) NOT NULL,
    PRIMARY KEY (sku, reason)
);
COMMENT ON TABLE gold.returns_by_sku_reason IS 'What comes back, and why, by article.';

CREATE TABLE gold.daily_returns (
    return_date date NOT NULL,
    reason_category text COLLATE "C" NOT NULL,
    returns bigint NOT NULL,
    quantity bigint NOT NULL,
    amount numeric(22, 2) NOT NULL,
    PRIMARY KEY (return_date, reason_category)
);
COMMENT ON TABLE gold.daily_returns IS
    'Returns per day and category of their reason. Sums and counts only: shares do not add.';

CREATE VIEW gold.daily_returns_shares AS
SELECT
    return_date,
    reason_category,
    returns,
    quantity,
    amount,
    returns / sum(returns) OVER day AS share_of_returns,
    amount / nullif(sum(amount) OVER day, 0) AS share_of_amount
FROM gold.daily_returns
WINDOW day AS (PARTITION BY return_date);
COMMENT ON VIEW gold.daily_returns_shares IS
    'Daily returns with the part that each category has of the returns and of the amount of its day.';
COMMENT ON COLUMN gold.daily_returns_shares.share_of_amount IS
    'Null on a day on which nothing was refunded.';
