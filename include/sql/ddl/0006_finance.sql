-- Of the pipeline `finance`. Columns and keys are those of the contracts silver.stocks,
-- silver.mutual_funds and of its gold tables; tests/sql/test_migrations.py compares them.

CREATE TABLE serving.stock_prices (
    stock_id bigint NOT NULL,
    company_id bigint NOT NULL,
    symbol text NOT NULL,
    price numeric(18, 4) NOT NULL,
    volume bigint NOT NULL,
    stock_timestamp timestamptz NOT NULL,
    exchange text,
    sector text,
    batch_id text NOT NULL,
    file_id text NOT NULL,
    source_file text NOT NULL,
    record_number bigint NOT NULL,
    PRIMARY KEY (stock_id, stock_timestamp)
);
CREATE INDEX stock_prices_by_company ON serving.stock_prices (company_id);
COMMENT ON TABLE serving.stock_prices IS
    'Every good quote of every stock, with the batch, file and record it came from.';

CREATE VIEW serving.stocks AS
SELECT DISTINCT ON (stock_id) *
FROM serving.stock_prices
ORDER BY stock_id, stock_timestamp DESC;
COMMENT ON VIEW serving.stocks IS 'The latest quote of every stock.';

CREATE TABLE serving.mutual_funds (
    fund_id bigint NOT NULL,
    name text NOT NULL,
    company_id bigint NOT NULL,
    holdings bigint NOT NULL,
    fund_timestamp timestamptz NOT NULL,
    batch_id text NOT NULL,
    file_id text NOT NULL,
    source_file text NOT NULL,
    record_number bigint NOT NULL,
    PRIMARY KEY (fund_id)
);
CREATE INDEX mutual_funds_by_company ON serving.mutual_funds (company_id);
COMMENT ON TABLE serving.mutual_funds IS
    'The latest good version of every fund''s holding, with the batch, file and record it came from.';

CREATE TABLE gold.fund_holdings_value (
    company_id bigint NOT NULL,
    stock_id bigint NOT NULL,
    symbol text NOT NULL,
    price numeric(18, 4) NOT NULL,
    volume bigint NOT NULL,
    stock_timestamp timestamptz NOT NULL,
    exchange text,
    sector text,
    fund_id bigint NOT NULL,
    name text NOT NULL,
    holdings bigint NOT NULL,
    fund_timestamp timestamptz NOT NULL,
    total_value numeric(28, 4) NOT NULL,
    PRIMARY KEY (fund_id, stock_id)
);
COMMENT ON TABLE gold.fund_holdings_value IS
    'What each fund''s holding is worth at the latest quote of each stock of its company. A fund has one row per '
    'stock: do not add total_value over the stocks of one fund.';

CREATE TABLE gold.company_coverage (
    company_id bigint NOT NULL,
    stocks bigint NOT NULL,
    quotes bigint NOT NULL,
    funds bigint NOT NULL,
    holdings bigint NOT NULL,
    PRIMARY KEY (company_id)
);
COMMENT ON TABLE gold.company_coverage IS 'What is known of each company, from either feed.';

CREATE VIEW gold.company_without_counterpart AS
SELECT
    company_id,
    CASE WHEN stocks = 0 THEN 'fund without stock' ELSE 'stock without fund' END AS missing,
    stocks,
    funds,
    holdings
FROM gold.company_coverage
WHERE stocks = 0 OR funds = 0;
COMMENT ON VIEW gold.company_without_counterpart IS
    'Companies that only one of the two feeds names: why their stocks or funds are not in gold.fund_holdings_value.';

CREATE TABLE gold.sector_totals (
    sector text COLLATE "C" NOT NULL,
    exchange text COLLATE "C" NOT NULL,
    quotes bigint NOT NULL,
    volume bigint NOT NULL,
    turnover numeric(28, 4) NOT NULL,
    PRIMARY KEY (sector, exchange)
);
COMMENT ON TABLE gold.sector_totals IS
    'Quotes, volume and turnover of each sector at each exchange, over all quotes.';

CREATE TABLE gold.adjusted_prices (
    stock_id bigint NOT NULL,
    stock_timestamp timestamptz NOT NULL,
    symbol text NOT NULL,
    volume bigint NOT NULL,
    price numeric(18, 4) NOT NULL,
    price_adjusted numeric(24, 8) NOT NULL,
    PRIMARY KEY (stock_id, stock_timestamp)
);
COMMENT ON TABLE gold.adjusted_prices IS
    'The price of every quote times the factor in the contract, exactly.';
