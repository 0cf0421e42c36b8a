-- The tables of the prior systems that were streams: what is released, and what is live and not audited.
-- `assay up` makes these views; their columns are those of the views of the same names in serving, and state.

CREATE OR REPLACE VIEW live.user_activity AS
SELECT event_id, event_time, event_type, product_id, price, user_id, session_id, state
FROM live.ecommerce_event_now;
COMMENT ON VIEW live.user_activity IS
    'serving.user_activity with the events that are live beside those that are released. What is live is not audited.';

CREATE OR REPLACE VIEW live.events AS
SELECT
    event_id AS id,
    user_id,
    upper(event_type) AS action,
    product_id,
    product_name,
    price,
    event_time,
    session_id,
    state
FROM live.ecommerce_event_now;
COMMENT ON VIEW live.events IS
    'serving.events with the events that are live beside those that are released. What is live is not audited.';

CREATE OR REPLACE VIEW live.corrupt_records AS
SELECT id, corrupt_record, detected_at, error_type, 'released'::text AS state
FROM serving.corrupt_records
UNION ALL
SELECT slice_id || ':' || record_number, raw, live_since, array_to_string(reasons, ', '), 'live'
FROM live.ecommerce_event_errors;
COMMENT ON VIEW live.corrupt_records IS
    'serving.corrupt_records with the bad events that are live. What is live is not audited: a batch may add reasons.';

CREATE OR REPLACE VIEW live.user_activity_errors AS
SELECT
    error_id, event_id, event_time, event_type, product_id, price, user_id, session_id, error_message,
    ingestion_time, 'released'::text AS state
FROM serving.user_activity_errors
UNION ALL
SELECT
    slice_id || ':' || record_number,
    fields ->> 'event_id',
    fields ->> 'event_time',
    fields ->> 'event_type',
    fields ->> 'product_id',
    fields ->> 'price',
    fields ->> 'user_id',
    fields ->> 'session_id',
    array_to_string(reasons, ', '),
    live_since,
    'live'
FROM (
    SELECT *, CASE WHEN raw IS JSON OBJECT THEN raw::json END AS fields
    FROM live.ecommerce_event_errors
) AS event;
COMMENT ON VIEW live.user_activity_errors IS
    'serving.user_activity_errors with the bad events that are live. What is live is not audited: a batch may add reasons.';
