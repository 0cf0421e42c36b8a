SELECT
    sku,
    reason,
    count(*) AS returns,
    sum(qty) AS quantity,
    sum(amount) AS amount
FROM product_returns
GROUP BY ALL
