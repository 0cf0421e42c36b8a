"""The content hash, in SQL and in Python."""

from __future__ import annotations

import hashlib

import duckdb

from assay.generate.truth import CONTENT_HASH_SQL, content_hash


def test_the_content_hash_in_sql_is_the_content_hash_in_python() -> None:
    row_hashes = [hashlib.sha256(bytes([n])).hexdigest() for n in range(50)]
    with duckdb.connect() as connection:
        connection.execute("create table t as select unnest($1) as row_hash", [row_hashes])
        (in_sql,) = connection.table("t").aggregate(CONTENT_HASH_SQL).fetchall()[0]
    assert in_sql == content_hash(reversed(row_hashes))
