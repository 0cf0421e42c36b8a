SELECT
    customer_id,
    to_currency,
    count(*) AS trades,
    sum(to_cost) AS to_cost,
    max(CAST(transaction_date AT TIME ZONE 'UTC' AS date)) AS last_trade_day
FROM trades
GROUP BY ALL
