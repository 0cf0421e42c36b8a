SELECT
    CAST(transaction_date AT TIME ZONE 'UTC' AS date) AS trade_day,
    from_currency,
    to_currency,
    count(*) AS trades,
    count(*) FILTER (transaction_status = 'COMPLETED') AS completed,
    count(*) FILTER (transaction_status = 'FAILED') AS failed,
    count(*) FILTER (transaction_status = 'PENDING') AS pending,
    sum(from_cost) AS from_cost,
    sum(to_cost) AS to_cost,
    coalesce(sum(from_pip), 0) AS from_pip_sum,
    count(from_pip) AS from_pip_count,
    coalesce(sum(to_pip), 0) AS to_pip_sum,
    count(to_pip) AS to_pip_count
FROM trades
GROUP BY ALL
