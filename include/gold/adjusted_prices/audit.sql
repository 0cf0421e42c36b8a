SELECT
    stock_id,
    stock_timestamp,
    symbol,
    volume,
    price,
    price * CAST(getvariable('factor') AS decimal(18, 9)) AS price_adjusted
FROM stocks
