-- A served table may have a column slice_id of its own, from a contract of before: the name became ours
-- in 0020, which has no room for two. The own one gets the name that the check of contracts tells for it.
-- A database with 0020 has nothing to make room for, and this file, which is younger, finds nothing to do.
DO $$
DECLARE
    served record;
    wanted text;
BEGIN
    IF to_regclass('ops.batch_slice') IS NOT NULL THEN
        RETURN;
    END IF;
    FOR served IN
        SELECT pg_class.oid AS id, pg_class.oid::regclass AS name FROM pg_class
        WHERE relnamespace = 'serving'::regnamespace AND relkind = 'r' AND 2 = (
            SELECT count(*) FROM pg_attribute
            WHERE attrelid = pg_class.oid AND attname IN ('file_id', 'slice_id') AND NOT attisdropped)
    LOOP
        wanted := 'slice_id_value';
        WHILE EXISTS (SELECT FROM pg_attribute WHERE attrelid = served.id AND attname = wanted) LOOP
            wanted := wanted || '_value';
        END LOOP;
        EXECUTE format('ALTER TABLE %s RENAME COLUMN slice_id TO %I', served.name, wanted);
    END LOOP;
END
$$;
