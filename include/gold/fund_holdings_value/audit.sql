WITH latest AS (
    SELECT company_id, stock_id, max(stock_timestamp) AS stock_timestamp
    FROM stocks
    GROUP BY ALL
)
SELECT
    company_id,
    stock_id,
    symbol,
    price,
    volume,
    stock_timestamp,
    exchange,
    sector,
    fund_id,
    name,
    holdings,
    fund_timestamp,
    price * holdings AS total_value
FROM stocks
SEMI JOIN latest USING (company_id, stock_id, stock_timestamp)
JOIN mutual_funds USING (company_id)
