-- Who may read the text of quarantined records, said where it lies. A quarantined record was
-- delivered beside those that are served, with the same personal data: hiding it from a role that
-- reads serving would protect nothing. What must not be read is what is not released, and that is
-- in no table that this role reads.
COMMENT ON TABLE ops.quarantine_row IS
    'Every record of a released batch that is in quarantine, or was before a movement; a full rebuild writes it anew. The transaction of the release writes it: of a batch that is not released there is nothing here.';
COMMENT ON COLUMN ops.quarantine_row.raw IS
    'The text as delivered when it could not be taken apart, else the bronze columns as JSON. It may hold personal data; assay_reader may read it, as it may read the columns of serving that contracts mark as sensitive.';
COMMENT ON TABLE ops.validation_result IS
    'The verdicts of the gates, of every attempt, released or not. Those not met hold up to ten failing records, without the values of columns that contracts mark as sensitive.';
COMMENT ON COLUMN ops.validation_result.failing IS
    'File, record number and values of columns that are not marked as sensitive.';
