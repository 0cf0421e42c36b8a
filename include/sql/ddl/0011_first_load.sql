-- An index that is built at once costs a quarter of one that grows row by row. So the first load of an
-- empty table takes its plain indexes away and builds them after its rows, in one transaction.
-- Who may write rows may not make indexes; these two functions let the loader do just this.

CREATE TABLE ops.deferred_index (
    table_name regclass NOT NULL,
    definition text NOT NULL
);
COMMENT ON TABLE ops.deferred_index IS
    'Indexes that are built again before the transaction ends: nobody else ever sees a row.';
REVOKE ALL ON ops.deferred_index FROM assay_loader, assay_reader;

CREATE FUNCTION ops.defer_indexes(target regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    has_rows boolean;
    index record;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', target) INTO has_rows;
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

CREATE FUNCTION ops.build_deferred_indexes(target regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    built text;
BEGIN
    FOR built IN DELETE FROM ops.deferred_index WHERE table_name = target RETURNING definition LOOP
        EXECUTE built;
    END LOOP;
END
$$;

GRANT EXECUTE ON FUNCTION ops.defer_indexes, ops.build_deferred_indexes TO assay_loader;
