-- Columns, types and keys are those of the contracts silver.ecommerce_events,
-- gold.hourly_product_activity and gold.daily_conversion. The two prior systems' tables are views
-- over one table; its indexes on upper(event_type) serve the column `action` of serving.events.

CREATE TABLE serving.ecommerce_event (
    event_id text COLLATE "C" NOT NULL,
    event_time timestamptz NOT NULL,
    event_type text NOT NULL
        CHECK (event_type IN ('view', 'purchase', 'add_to_cart', 'remove_from_cart')),
    event_type_delivered text,
    product_id bigint NOT NULL CHECK (product_id > 0),
    product_name text,
    price numeric(10, 2) CHECK (price >= 0),
    user_id bigint NOT NULL CHECK (user_id > 0),
    session_id text,
    batch_id text NOT NULL,
    file_id text NOT NULL,
    source_file text NOT NULL,
    record_number bigint NOT NULL,
    PRIMARY KEY (event_id),
    CONSTRAINT purchase_has_a_price CHECK (event_type <> 'purchase' OR coalesce(price, 0) > 0)
);
CREATE INDEX ecommerce_event_by_time ON serving.ecommerce_event (event_time DESC);
CREATE INDEX ecommerce_event_by_batch ON serving.ecommerce_event (batch_id);
CREATE INDEX ecommerce_event_by_action ON serving.ecommerce_event (upper(event_type));
CREATE INDEX ecommerce_event_by_user ON serving.ecommerce_event (user_id, upper(event_type));
CREATE INDEX ecommerce_event_by_product ON serving.ecommerce_event (product_id, upper(event_type));
COMMENT ON TABLE serving.ecommerce_event IS
    'Every good event of the shop, once, with the batch, file and record it came from.';
COMMENT ON COLUMN serving.ecommerce_event.event_id IS
    'As delivered, else h and a SHA-256 of the business columns: see the contract.';

CREATE VIEW serving.user_activity AS
SELECT event_id, event_time, event_type, product_id, price, user_id, session_id
FROM serving.ecommerce_event;
COMMENT ON VIEW serving.user_activity IS
    'The events under the column names of the first prior system. Cart events are among them.';
COMMENT ON COLUMN serving.user_activity.price IS 'Null where an event other than a purchase has none.';

CREATE VIEW serving.events AS
SELECT
    event.event_id AS id,
    event.user_id,
    upper(event.event_type) AS action,
    event.product_id,
    event.product_name,
    event.price,
    event.event_time,
    event.session_id,
    batch.committed_at AS ingestion_time
FROM serving.ecommerce_event AS event
LEFT JOIN ops.batch AS batch USING (batch_id);
COMMENT ON VIEW serving.events IS
    'The events under the column names of the second prior system. What was not delivered is null, never a default.';
COMMENT ON COLUMN serving.events.id IS 'The event_id, a text: stable over reloads, as a serial would not be.';
COMMENT ON COLUMN serving.events.action IS 'Never UNKNOWN: such a record is in quarantine.';
COMMENT ON COLUMN serving.events.ingestion_time IS 'When the lake took the batch of the event.';

CREATE TABLE gold.hourly_product_activity (
    event_hour timestamptz NOT NULL,
    product_id bigint NOT NULL,
    events bigint NOT NULL,
    views bigint NOT NULL,
    carts bigint NOT NULL,
    removals bigint NOT NULL,
    purchases bigint NOT NULL,
    revenue numeric(20, 2) NOT NULL,
    price_sum numeric(20, 2) NOT NULL,
    users bigint NOT NULL,
    PRIMARY KEY (event_hour, product_id)
);
COMMENT ON TABLE gold.hourly_product_activity IS
    'What happened to each product in each hour, UTC. Distinct users do not add over groups.';

CREATE VIEW gold.hourly_product_activity_rates AS
SELECT
    event_hour,
    product_id,
    purchases::numeric / nullif(views, 0) AS purchases_per_view,
    revenue / nullif(purchases, 0) AS average_paid
FROM gold.hourly_product_activity;

CREATE TABLE gold.daily_conversion (
    event_day date NOT NULL,
    events bigint NOT NULL,
    events_without_session bigint NOT NULL,
    sessions bigint NOT NULL,
    sessions_with_purchase bigint NOT NULL,
    purchases bigint NOT NULL,
    revenue numeric(20, 2) NOT NULL,
    PRIMARY KEY (event_day)
);
COMMENT ON TABLE gold.daily_conversion IS
    'Sessions of each day, UTC, and those with a purchase. An event without session_id is in no session.';

CREATE VIEW gold.daily_conversion_rates AS
SELECT
    event_day,
    sessions,
    sessions_with_purchase,
    sessions_with_purchase::numeric / nullif(sessions, 0) AS conversion,
    revenue
FROM gold.daily_conversion;
COMMENT ON COLUMN gold.daily_conversion_rates.conversion IS
    'Share of the sessions that have a purchase; null on a day without any session.';
