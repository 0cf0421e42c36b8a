CREATE TABLE gold.product_performance (
    product_id text COLLATE "C" NOT NULL,
    day date NOT NULL,
    events bigint NOT NULL,
    views bigint NOT NULL,
    purchases bigint NOT NULL,
    revenue numeric(20, 2) NOT NULL,
    returns bigint NOT NULL,
    returned_amount numeric(22, 2) NOT NULL,
    PRIMARY KEY (product_id, day)
);
COMMENT ON TABLE gold.product_performance IS
    'What was viewed, sold and returned of each product on each day. A return counts on its own day.';

CREATE VIEW gold.product_performance_rates AS
SELECT
    product_id,
    day,
    purchases,
    returns,
    returns::numeric / nullif(purchases, 0) AS return_rate,
    returned_amount / nullif(revenue, 0) AS returned_share_of_revenue
FROM gold.product_performance;
COMMENT ON COLUMN gold.product_performance_rates.return_rate IS
    'Returns of the day per purchase of the day, so it may exceed 1; null on a day without a purchase.';
