SELECT
    date_trunc('hour', event_time AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS event_hour,
    product_id,
    count(*) AS events,
    count(*) FILTER (event_type = 'view') AS views,
    count(*) FILTER (event_type = 'add_to_cart') AS carts,
    count(*) FILTER (event_type = 'remove_from_cart') AS removals,
    count(*) FILTER (event_type = 'purchase') AS purchases,
    coalesce(sum(price) FILTER (event_type = 'purchase'), 0) AS revenue,
    coalesce(sum(price), 0) AS price_sum,
    count(DISTINCT user_id) AS users
FROM ecommerce_events
GROUP BY ALL
