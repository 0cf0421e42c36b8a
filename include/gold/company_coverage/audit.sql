WITH known AS (
    SELECT company_id, stock_id FROM stocks
    UNION ALL BY NAME
    SELECT company_id, fund_id, holdings FROM mutual_funds
)
SELECT
    company_id,
    count(DISTINCT stock_id) AS stocks,
    count(stock_id) AS quotes,
    count(fund_id) AS funds,
    coalesce(sum(holdings), 0) AS holdings
FROM known
GROUP BY ALL
