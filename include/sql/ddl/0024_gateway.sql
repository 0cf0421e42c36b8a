-- The HTTP gateway: who may post, and the receipt of every request that it has answered with 202.
-- Its role writes receipts, and reads where their records are now; of the records themselves, nothing.

DO $$
BEGIN
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO assay_gateway', current_database());
END
$$;

CREATE TABLE ops.gateway_key (
    key_id text PRIMARY KEY CHECK (key_id ~ '^[a-z0-9]{8,32}$'),
    producer text NOT NULL CHECK (producer <> ''),
    secret_sha256 text NOT NULL CHECK (secret_sha256 ~ '^[0-9a-f]{64}$'),
    datasets text[] NOT NULL CHECK (cardinality(datasets) > 0),
    requests_per_second integer NOT NULL CHECK (requests_per_second > 0),
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    made_by text NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    revoked_by text,
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
COMMENT ON TABLE ops.gateway_key IS
    'The API keys of producers, without their secrets. Two keys of one producer are how a key is rotated.';
COMMENT ON COLUMN ops.gateway_key.key_id IS 'The part of a key that is no secret: akey_<key_id>_<secret>.';
COMMENT ON COLUMN ops.gateway_key.producer IS
    'Who posts with it. Idempotency keys and receipts belong to the producer, not to one of its keys.';
COMMENT ON COLUMN ops.gateway_key.secret_sha256 IS
    'SHA-256 of the secret, which is 256 random bits: nobody can guess what it was.';
COMMENT ON COLUMN ops.gateway_key.datasets IS 'The datasets that it may post to.';
COMMENT ON COLUMN ops.gateway_key.requests_per_second IS 'How many requests a second it may make.';
COMMENT ON COLUMN ops.gateway_key.made_at IS 'When it was made.';
COMMENT ON COLUMN ops.gateway_key.made_by IS 'Who made it.';
COMMENT ON COLUMN ops.gateway_key.expires_at IS 'From when on it is refused; null is never.';
COMMENT ON COLUMN ops.gateway_key.revoked_at IS 'When it was revoked; null while it is good.';
COMMENT ON COLUMN ops.gateway_key.revoked_by IS 'Who revoked it.';

CREATE TABLE ops.receipt (
    receipt_id text COLLATE "C" PRIMARY KEY,
    dataset text NOT NULL,
    producer text NOT NULL,
    key_id text NOT NULL,
    idempotency_key text,
    body_sha256 text NOT NULL,
    records bigint NOT NULL CHECK (records > 0),
    doubtful bigint NOT NULL CHECK (doubtful BETWEEN 0 AND records),
    refused bigint NOT NULL CHECK (refused >= 0),
    findings jsonb NOT NULL,
    file_name text COLLATE "C" NOT NULL,
    slice_id text COLLATE "C" NOT NULL,
    first_record bigint NOT NULL CHECK (first_record > 0),
    last_record bigint NOT NULL GENERATED ALWAYS AS (first_record + records - 1) STORED,
    accepted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX receipt_once ON ops.receipt (producer, dataset, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX receipt_by_file ON ops.receipt (file_name);
CREATE INDEX receipt_by_slice ON ops.receipt (slice_id, first_record);
COMMENT ON TABLE ops.receipt IS
    'What the gateway has answered for: one row per request whose records are in a file in landing, or will be once that is handed over.';
COMMENT ON COLUMN ops.receipt.receipt_id IS 'The receipt, as the producer has it; grows with time.';
COMMENT ON COLUMN ops.receipt.dataset IS 'The dataset that was posted to.';
COMMENT ON COLUMN ops.receipt.producer IS 'Who posted.';
COMMENT ON COLUMN ops.receipt.key_id IS 'The key that was shown, see ops.gateway_key.';
COMMENT ON COLUMN ops.receipt.idempotency_key IS
    'The header Idempotency-Key: a second request with it gets the receipt of the first. Null without one.';
COMMENT ON COLUMN ops.receipt.body_sha256 IS 'SHA-256 of the body, unpacked: one key stands for one body.';
COMMENT ON COLUMN ops.receipt.records IS 'Records that were accepted, the doubtful among them.';
COMMENT ON COLUMN ops.receipt.doubtful IS
    'Of these, how many the gateway expects in quarantine; what they come to, the batch decides.';
COMMENT ON COLUMN ops.receipt.refused IS 'Records of the request that were not accepted, since it was strict.';
COMMENT ON COLUMN ops.receipt.findings IS
    'Doubtful and refused records by their number in the request, with their reasons; the first hundred.';
COMMENT ON COLUMN ops.receipt.file_name IS 'The file in the landing folder of the dataset.';
COMMENT ON COLUMN ops.receipt.slice_id IS 'SHA-256 of the file, as in ops.batch_slice.';
COMMENT ON COLUMN ops.receipt.first_record IS 'Where its records begin in the file, from 1.';
COMMENT ON COLUMN ops.receipt.last_record IS 'Where they end.';
COMMENT ON COLUMN ops.receipt.accepted_at IS 'When it was written down: before the answer.';

-- The hashes of keys are for the gateway and for who makes keys.
REVOKE ALL ON ops.gateway_key FROM assay_reader;
-- A receipt is never changed, and none is taken back.
REVOKE UPDATE, DELETE ON ops.receipt FROM assay_loader;

GRANT USAGE ON SCHEMA ops TO assay_gateway;
GRANT SELECT ON ops.gateway_key TO assay_gateway;
GRANT SELECT, INSERT ON ops.receipt TO assay_gateway;
GRANT SELECT (batch_id, dataset, slice_id, source_file, verdict, reason, batch_is_live, delivery_number)
    ON ops.batch_slice TO assay_gateway;
GRANT SELECT (batch_id, state) ON ops.batch TO assay_gateway;
GRANT SELECT (release_id, batch_id, rolled_back_by) ON ops.release TO assay_gateway;
GRANT SELECT (dataset, slice_id, record_number, row_id) ON ops.quarantine_row TO assay_gateway;
GRANT SELECT (dataset, row_id) ON ops.quarantine_movement TO assay_gateway;

-- Where streams are, a receipt tells of records that are live.
DO $$
BEGIN
    IF to_regclass('ops.stream_slice') IS NOT NULL THEN
        GRANT SELECT (dataset, slice_id, stream, parked) ON ops.stream_slice TO assay_gateway;
    END IF;
END
$$;
