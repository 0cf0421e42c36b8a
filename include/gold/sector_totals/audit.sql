SELECT
    coalesce(sector, 'UNKNOWN') AS sector,
    coalesce(exchange, 'UNKNOWN') AS exchange,
    count(*) AS quotes,
    sum(volume) AS volume,
    sum(price * volume) AS turnover
FROM stocks
GROUP BY ALL
