WITH happened AS (
    SELECT
        CAST(product_id AS varchar) AS product_id,
        CAST(event_time AT TIME ZONE 'UTC' AS date) AS day,
        event_type,
        price
    FROM ecommerce_events
    UNION ALL BY NAME
    SELECT sku AS product_id, return_date AS day, return_id, amount FROM product_returns
)
SELECT
    product_id,
    day,
    count(event_type) AS events,
    count(*) FILTER (event_type = 'view') AS views,
    count(*) FILTER (event_type = 'purchase') AS purchases,
    coalesce(sum(price) FILTER (event_type = 'purchase'), 0) AS revenue,
    count(return_id) AS returns,
    coalesce(sum(amount), 0) AS returned_amount
FROM happened
GROUP BY ALL
