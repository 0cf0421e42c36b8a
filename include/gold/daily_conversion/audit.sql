SELECT
    CAST(event_time AT TIME ZONE 'UTC' AS date) AS event_day,
    count(*) AS events,
    count(*) - count(session_id) AS events_without_session,
    count(DISTINCT session_id) AS sessions,
    count(DISTINCT session_id) FILTER (event_type = 'purchase') AS sessions_with_purchase,
    count(*) FILTER (event_type = 'purchase') AS purchases,
    coalesce(sum(price) FILTER (event_type = 'purchase'), 0) AS revenue
FROM ecommerce_events
GROUP BY ALL
