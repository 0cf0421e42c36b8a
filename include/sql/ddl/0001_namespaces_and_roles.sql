-- Run by assay_owner, who owns the database. The roles are made by the stack, with their passwords.
-- owner: all DDL. loader: writes rows, makes tables in staging only. reader: reads what is released.

DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO assay_loader, assay_reader', current_database());
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE SCHEMA IF NOT EXISTS ops;
CREATE SCHEMA gold;
CREATE SCHEMA serving;
CREATE SCHEMA staging;

COMMENT ON SCHEMA ops IS 'What the pipeline did: batches, files, tasks, verdicts, the row ledger, the releases.';
COMMENT ON SCHEMA gold IS 'The released aggregates.';
COMMENT ON SCHEMA serving IS 'The released rows, one per business key.';
COMMENT ON SCHEMA staging IS 'Unlogged tables of a publish under way; anything here may be dropped.';

GRANT USAGE ON SCHEMA ops, gold, serving TO assay_loader, assay_reader;
GRANT USAGE, CREATE ON SCHEMA staging TO assay_loader;

GRANT SELECT ON ALL TABLES IN SCHEMA ops TO assay_loader, assay_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA ops, gold, serving
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO assay_loader;
ALTER DEFAULT PRIVILEGES IN SCHEMA ops, gold, serving
    GRANT SELECT ON TABLES TO assay_reader;
