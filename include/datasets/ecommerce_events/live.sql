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

COMMENT ON COLUMN live.user_activity.state IS 'released (audited), or live: not audited, and may change.';
COMMENT ON COLUMN live.events.id IS 'The event_id.';
COMMENT ON COLUMN live.events.action IS 'What the user did, in capital letters.';
COMMENT ON COLUMN live.events.state IS 'released (audited), or live: not audited, and may change.';
COMMENT ON COLUMN live.corrupt_records.id IS 'Slice and record number.';
COMMENT ON COLUMN live.corrupt_records.corrupt_record IS
    'The record as delivered, or as JSON of the texts of its columns.';
COMMENT ON COLUMN live.corrupt_records.detected_at IS 'When it was shown: live, or by the release of its batch.';
COMMENT ON COLUMN live.corrupt_records.error_type IS 'All reasons of the record, separated by commas.';
COMMENT ON COLUMN live.corrupt_records.state IS 'released (audited), or live: not audited, and may change.';
COMMENT ON COLUMN live.user_activity_errors.error_id IS 'Slice and record number.';
COMMENT ON COLUMN live.user_activity_errors.event_id IS 'The text that was delivered as event_id.';
COMMENT ON COLUMN live.user_activity_errors.event_time IS 'The text that was delivered as event_time.';
COMMENT ON COLUMN live.user_activity_errors.event_type IS 'The text that was delivered as event_type.';
COMMENT ON COLUMN live.user_activity_errors.product_id IS 'The text that was delivered as product_id.';
COMMENT ON COLUMN live.user_activity_errors.price IS 'The text that was delivered as price.';
COMMENT ON COLUMN live.user_activity_errors.user_id IS 'The text that was delivered as user_id.';
COMMENT ON COLUMN live.user_activity_errors.session_id IS 'The text that was delivered as session_id.';
COMMENT ON COLUMN live.user_activity_errors.error_message IS 'All reasons of the record, separated by commas.';
COMMENT ON COLUMN live.user_activity_errors.ingestion_time IS
    'When it was shown: live, or by the release of its batch.';
COMMENT ON COLUMN live.user_activity_errors.state IS 'released (audited), or live: not audited, and may change.';
