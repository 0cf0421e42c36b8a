-- Values that are not what their text says, because the contract of their column says `round`.

ALTER TABLE ops.row_ledger ADD COLUMN rounded bigint NOT NULL DEFAULT 0 CHECK (rounded >= 0);
COMMENT ON COLUMN ops.row_ledger.rounded IS
    'Values of good records that were rounded to the decimals of their column; bronze has the texts.';
