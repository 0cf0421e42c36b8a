-- What runs with the rights of the owner looks at nothing but the owner's own tables: a query on a
-- view or a table of the caller's making would run the caller's code with these rights.

CREATE OR REPLACE FUNCTION ops.defer_indexes(target regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    has_rows boolean;
    index record;
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_class
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE pg_class.oid = target AND relkind = 'r' AND relpersistence = 'p'
          AND relowner = current_user::regrole AND nspname IN ('gold', 'serving')
    ) THEN
        RAISE EXCEPTION '% is not a table of gold or serving', target
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM ONLY %s)', target) INTO has_rows;
    IF has_rows THEN
        RETURN;
    END IF;
    FOR index IN
        SELECT indexrelid::regclass AS name, pg_get_indexdef(indexrelid) AS definition
        FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam
        WHERE indrelid = target AND NOT indisunique AND amname = 'btree'
    LOOP
        EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE NOWAIT', target);
        INSERT INTO ops.deferred_index VALUES (target, index.definition);
        EXECUTE format('DROP INDEX %s', index.name);
    END LOOP;
EXCEPTION WHEN lock_not_available THEN
    RETURN; -- somebody looks at the table, and shall not be waited for
END
$$;

-- A caller who never asks for the indexes again has them built at COMMIT all the same.
CREATE FUNCTION ops.build_index_at_commit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ops.build_deferred_indexes(NEW.table_name);
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER no_index_is_lost AFTER INSERT ON ops.deferred_index
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ops.build_index_at_commit();

-- Tables of the lake whose log is ahead of the books: the pipeline had another name, or the books
-- are from a backup.
CREATE TABLE ops.adoption (
    pipeline text NOT NULL,
    table_name text NOT NULL,
    version bigint NOT NULL,
    epoch bigint NOT NULL,
    who text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (pipeline, table_name, version)
);
COMMENT ON TABLE ops.adoption IS
    'What `assay lake adopt` found: up to this version, commits may be of batches that the books do not have.';
