-- Which version of a key wins where event time and sequence are equal: that of the later slice, by
-- its day, then by when it was accepted. Both are facts of the delivery, so that a rebuild, a replay
-- and a batch that comes late go by the same order. The number is no clock: it grows with each file
-- that a batch accepts, under the lock of its pipeline.

ALTER TABLE ops.batch_file ADD COLUMN slice_date date, ADD COLUMN delivery_number bigint;

-- Of files of before: the day in the name as assay.landing.filenames finds it, else that of acceptance.
UPDATE ops.batch_file AS file
SET slice_date = known.slice_date, delivery_number = known.delivery_number
FROM (
    SELECT
        batch_id, dataset, file_id, source_file,
        coalesce(
            (
                SELECT found[1]::date
                FROM regexp_matches(
                    regexp_replace(source_file, '^.*/', ''),
                    '(?<![0-9])([0-9]{4}-[0-9]{2}-[0-9]{2})(?![0-9])', 'g'
                ) WITH ORDINALITY AS day (found, place)
                WHERE pg_input_is_valid(found[1], 'date')
                ORDER BY place LIMIT 1
            ),
            (seen_at AT TIME ZONE 'UTC')::date
        ) AS slice_date,
        row_number() OVER (ORDER BY seen_at, batch_id, dataset, source_file, file_id)
            AS delivery_number
    FROM ops.batch_file
) AS known
WHERE (file.batch_id, file.dataset, file.file_id, file.source_file)
    = (known.batch_id, known.dataset, known.file_id, known.source_file);

ALTER TABLE ops.batch_file
    ALTER COLUMN slice_date SET NOT NULL,
    ALTER COLUMN delivery_number SET NOT NULL,
    ALTER COLUMN delivery_number ADD GENERATED ALWAYS AS IDENTITY;
SELECT setval(
    pg_get_serial_sequence('ops.batch_file', 'delivery_number'),
    coalesce(max(delivery_number), 0) + 1, false
) FROM ops.batch_file;
COMMENT ON COLUMN ops.batch_file.slice_date IS
    'The day that the file belongs to: that in its name, else the day on which it landed.';
COMMENT ON COLUMN ops.batch_file.delivery_number IS 'Grows with every file; the order of acceptance.';

ALTER TABLE ops.row_ledger ADD COLUMN settled bigint NOT NULL DEFAULT 0 CHECK (settled >= 0);
COMMENT ON COLUMN ops.row_ledger.settled IS
    'Of updated and superseded: those whose version was equal to the other, so that the later delivery decided.';

-- What a value may be is said by the contract alone: a word that it gains must not stop a release.
ALTER TABLE serving.ecommerce_event
    DROP CONSTRAINT ecommerce_event_event_type_check,
    DROP CONSTRAINT ecommerce_event_product_id_check,
    DROP CONSTRAINT ecommerce_event_price_check,
    DROP CONSTRAINT ecommerce_event_user_id_check,
    DROP CONSTRAINT purchase_has_a_price;
