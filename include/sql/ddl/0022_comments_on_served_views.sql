-- What a view of serving or gold shows under a name of its own. `assay up` gives tables the comments of
-- their contracts, and a column of a view that of the column that it shows.

COMMENT ON VIEW gold.daily_trade_summary_averages IS
    'Averages of gold.daily_trade_summary; they do not add, so no table holds them.';
COMMENT ON COLUMN gold.daily_trade_summary_averages.average_from_cost IS 'Amount sold per trade, in from_currency.';
COMMENT ON COLUMN gold.daily_trade_summary_averages.average_to_cost IS 'Amount bought per trade, in to_currency.';
COMMENT ON COLUMN gold.daily_trade_summary_averages.average_from_pip IS
    'Mean of the pips of the currency sold, over trades that have them; null where none has.';
COMMENT ON COLUMN gold.daily_trade_summary_averages.average_to_pip IS
    'Mean of the pips of the currency bought, over trades that have them; null where none has.';

COMMENT ON COLUMN serving.trade_event_ingest_batch.file_name IS 'The name of the file as it was delivered.';

COMMENT ON VIEW gold.hourly_product_activity_rates IS
    'Rates of gold.hourly_product_activity; they do not add, so no table holds them.';
COMMENT ON COLUMN gold.hourly_product_activity_rates.purchases_per_view IS
    'Purchases of the hour per view of the hour, so it may exceed 1; null in an hour without a view.';
COMMENT ON COLUMN gold.hourly_product_activity_rates.average_paid IS
    'Revenue per purchase; null in an hour without one.';

COMMENT ON VIEW gold.daily_conversion_rates IS
    'The share of the sessions of each day that have a purchase, from gold.daily_conversion.';

COMMENT ON COLUMN gold.company_without_counterpart.missing IS
    'Which side is there without the other: fund without stock, or stock without fund.';

COMMENT ON COLUMN gold.daily_returns_shares.share_of_returns IS
    'The part that the category has of the returns of its day.';

COMMENT ON COLUMN serving.corrupt_records.id IS 'The row of quarantine: file_id and record number.';
COMMENT ON COLUMN serving.corrupt_records.corrupt_record IS
    'The record as delivered, or as JSON of the texts of its columns.';
COMMENT ON COLUMN serving.corrupt_records.detected_at IS 'When the release of its batch wrote it here.';
COMMENT ON COLUMN serving.corrupt_records.error_type IS 'All reasons of the record, separated by commas.';

COMMENT ON COLUMN serving.user_activity_errors.error_id IS 'The row of quarantine: file_id and record number.';
COMMENT ON COLUMN serving.user_activity_errors.event_id IS 'The text that was delivered as event_id.';
COMMENT ON COLUMN serving.user_activity_errors.event_time IS 'The text that was delivered as event_time.';
COMMENT ON COLUMN serving.user_activity_errors.event_type IS 'The text that was delivered as event_type.';
COMMENT ON COLUMN serving.user_activity_errors.product_id IS 'The text that was delivered as product_id.';
COMMENT ON COLUMN serving.user_activity_errors.price IS 'The text that was delivered as price.';
COMMENT ON COLUMN serving.user_activity_errors.user_id IS 'The text that was delivered as user_id.';
COMMENT ON COLUMN serving.user_activity_errors.session_id IS 'The text that was delivered as session_id.';
COMMENT ON COLUMN serving.user_activity_errors.error_message IS
    'All reasons of the record, separated by commas.';
COMMENT ON COLUMN serving.user_activity_errors.ingestion_time IS
    'When the release of its batch wrote it here.';

COMMENT ON VIEW gold.product_performance_rates IS
    'Rates of gold.product_performance; they do not add, so no table holds them.';
COMMENT ON COLUMN gold.product_performance_rates.returned_share_of_revenue IS
    'Refunds of the day per revenue of the day, so it may exceed 1; null on a day without revenue.';
