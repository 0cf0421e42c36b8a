-- The atom of input is the slice, and a delivered file is a slice of kind 'file'. Its id, until now
-- file_id, is slice_id in the books and in what is served; the lake keeps the old name of the column
-- (docs/decisions/0024). A slice is claimed by at most one live batch, which Postgres now holds itself.

-- What is staged has columns of the old name. Publish stages again what is not there.
DO $$
DECLARE
    staged record;
BEGIN
    FOR staged IN SELECT tablename AS name FROM pg_tables WHERE schemaname = 'staging' LOOP
        EXECUTE format('DROP TABLE staging.%I', staged.name);
    END LOOP;
END
$$;

ALTER TABLE ops.batch_file RENAME TO batch_slice;
ALTER INDEX ops.batch_file_by_content RENAME TO batch_slice_by_id;
DO $$
DECLARE
    named record;
BEGIN
    FOR named IN
        SELECT conname AS name, replace(conname, 'batch_file', 'batch_slice') AS wanted
        FROM pg_constraint
        WHERE conrelid = 'ops.batch_slice'::regclass AND starts_with(conname, 'batch_file')
    LOOP
        EXECUTE format('ALTER TABLE ops.batch_slice RENAME CONSTRAINT %I TO %I', named.name, named.wanted);
    END LOOP;
END
$$;
ALTER SEQUENCE ops.batch_file_delivery_number_seq RENAME TO batch_slice_delivery_number_seq;

ALTER TABLE ops.batch_slice RENAME COLUMN file_id TO slice_id;
ALTER TABLE ops.row_ledger RENAME COLUMN file_id TO slice_id;
ALTER TABLE ops.quarantine_row RENAME COLUMN file_id TO slice_id;
ALTER VIEW ops.quarantine_open RENAME COLUMN file_id TO slice_id;
ALTER VIEW serving.stocks RENAME COLUMN file_id TO slice_id;

-- Served tables, also those that were made from contracts of the home alone. A table with a column
-- slice_id of its own is refused by name: rename that column in its contract and here first.
DO $$
DECLARE
    served record;
BEGIN
    FOR served IN
        SELECT attrelid::regclass AS name FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'serving'::regnamespace AND relkind = 'r'
          AND attname = 'file_id' AND NOT attisdropped
    LOOP
        EXECUTE format('ALTER TABLE %s RENAME COLUMN file_id TO slice_id', served.name);
        EXECUTE format(
            'COMMENT ON COLUMN %s.slice_id IS %L', served.name,
            'The slice that it is from; of a file, the SHA-256 of its bytes'
        );
    END LOOP;
END
$$;

-- A kind that is new joins both checks of this table, and assay.slices.
ALTER TABLE ops.batch_slice ADD COLUMN kind text NOT NULL DEFAULT 'file';
ALTER TABLE ops.batch_slice
    ALTER COLUMN kind DROP DEFAULT,
    ADD CONSTRAINT batch_slice_kind_check CHECK (kind IN ('file')),
    -- A row_id is slice_id:record_number, and is taken apart at the colon.
    ADD CONSTRAINT batch_slice_slice_id_check CHECK (strpos(slice_id, ':') = 0);

-- batch_is_live follows the state of the batch by its foreign key, so that an index can ask for it.
ALTER TABLE ops.batch
    ADD COLUMN is_live boolean NOT NULL
        GENERATED ALWAYS AS (state NOT IN ('ABANDONED', 'DRY_RUN', 'ROLLED_BACK')) STORED,
    ADD CONSTRAINT batch_is_live_key UNIQUE (batch_id, is_live);
ALTER TABLE ops.batch_slice ADD COLUMN batch_is_live boolean NOT NULL DEFAULT true;
UPDATE ops.batch_slice AS taken SET batch_is_live = false
FROM ops.batch WHERE batch.batch_id = taken.batch_id AND NOT batch.is_live;
ALTER TABLE ops.batch_slice
    DROP CONSTRAINT batch_slice_batch_id_fkey,
    ADD CONSTRAINT batch_slice_batch_fkey
        FOREIGN KEY (batch_id, batch_is_live) REFERENCES ops.batch (batch_id, is_live) ON UPDATE CASCADE;
-- A home in which a dataset has moved from one pipeline to another may have taken one content in
-- both. What is so stays as it is, and assay verify tells it; nothing after it can come to be so.
DO $$
DECLARE
    settled bigint;
BEGIN
    SELECT coalesce(max(last), 0) INTO settled FROM (
        SELECT max(delivery_number) AS last FROM ops.batch_slice
        WHERE batch_is_live AND verdict = 'accepted'
        GROUP BY dataset, slice_id HAVING count(*) > 1
    ) AS twice;
    EXECUTE format(
        'CREATE UNIQUE INDEX slice_claimed_once ON ops.batch_slice (dataset, slice_id)'
        ' WHERE batch_is_live AND verdict = ''accepted'' AND delivery_number > %s', settled
    );
END
$$;

COMMENT ON TABLE ops.batch_slice IS
    'Every slice that a batch saw, with its verdict. An accepted one is claimed by the batch for as long as that is live.';
COMMENT ON COLUMN ops.batch_slice.batch_id IS 'The batch that saw the slice.';
COMMENT ON COLUMN ops.batch_slice.slice_id IS
    'Identity of the slice in its dataset: of a file, the sha256 of its bytes, for a path is never an identity. Empty when the file could not be read.';
COMMENT ON COLUMN ops.batch_slice.kind IS 'What the slice is: file.';
COMMENT ON COLUMN ops.batch_slice.batch_is_live IS
    'Whether the batch is live, see ops.batch.is_live: of a content, one live batch has accepted it.';
COMMENT ON COLUMN ops.batch_slice.source_file IS
    'The name of the file as it was delivered, below the landing folder of its dataset.';
COMMENT ON COLUMN ops.batch_slice.verdict IS
    'accepted, duplicate (the pipeline holds the same content already) or rejected.';
COMMENT ON COLUMN ops.batch_slice.reason IS 'Why the slice was not accepted; empty when it was.';
COMMENT ON COLUMN ops.batch_slice.slice_date IS
    'The day that the slice belongs to: of a file that in its name, else the day on which it landed.';
COMMENT ON COLUMN ops.batch_slice.delivery_number IS 'Grows with every slice; the order of acceptance.';
COMMENT ON COLUMN ops.batch.is_live IS
    'Whether the batch holds the slices that it has accepted: not once it was given up, rolled back, or only tried out.';
COMMENT ON TABLE ops.row_ledger IS
    'What became of every record of every slice, at the moment of commit. Within a generation, rows in silver = sum(new).';
COMMENT ON COLUMN ops.row_ledger.batch_id IS 'The batch that the slice came in, or that judged it anew.';
COMMENT ON COLUMN ops.row_ledger.dataset IS 'The dataset of the slice.';
COMMENT ON COLUMN ops.row_ledger.slice_id IS 'The slice, as in ops.batch_slice.';
COMMENT ON COLUMN ops.row_ledger.records IS
    'All records of the slice that the batch judged: the sum of the five classes.';
COMMENT ON COLUMN ops.quarantine_row.row_id IS
    'Slice and record number: the same in every generation, and unique in its dataset.';
COMMENT ON COLUMN ops.quarantine_row.slice_id IS 'The slice, as in ops.batch_slice.';
COMMENT ON COLUMN ops.quarantine_row.record_number IS 'Place of the record in its slice, from 1.';
COMMENT ON COLUMN ops.quarantine_open.row_id IS
    'Slice and record number: the same in every generation, and unique in its dataset.';
COMMENT ON COLUMN ops.quarantine_open.slice_id IS 'The slice, as in ops.batch_slice.';
COMMENT ON COLUMN ops.quarantine_open.record_number IS 'Place of the record in its slice, from 1.';
COMMENT ON COLUMN ops.quarantine_movement.row_id IS 'The row that left: slice and record number.';
COMMENT ON COLUMN ops.undone_movement.row_id IS 'The row that left: slice and record number.';
