"""The namespace ops explains itself: a comment on every table, view and column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from conftest import Database

WITHOUT_COMMENT = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'ops'::regnamespace AND relkind IN ('r', 'v', 'm', 'p')
      AND coalesce(obj_description(oid, 'pg_class'), '') = ''
    UNION ALL
    SELECT relname || '.' || attname
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = 'ops'::regnamespace AND relkind IN ('r', 'v', 'm', 'p')
      AND attnum > 0 AND NOT attisdropped
      AND coalesce(col_description(attrelid, attnum), '') = ''
    ORDER BY 1
"""


def without_comment(connection: psycopg.Connection[Any]) -> list[str]:
    return [name for (name,) in connection.execute(WITHOUT_COMMENT).fetchall()]


def test_every_table_view_and_column_of_ops_has_a_comment(database: Database) -> None:
    with database.connect("assay_owner", autocommit=True) as owner:
        assert without_comment(owner) == []
        owner.execute("CREATE TABLE ops.later (id int)")
        owner.execute("CREATE VIEW ops.later_still AS SELECT 1 AS one")
        assert without_comment(owner) == ["later", "later.id", "later_still", "later_still.one"]


def test_a_view_says_of_a_column_what_its_table_says(loader: psycopg.Connection[Any]) -> None:
    comment = (
        "SELECT col_description(attrelid, attnum) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attname = %s"
    )
    for copy, base, column in (
        ("ops.current_release", "ops.release", "versions"),
        ("ops.quarantine_open", "ops.quarantine_row", "raw"),
        ("ops.undone_movement", "ops.quarantine_movement", "dataset"),
    ):
        told = loader.execute(comment, [base, column]).fetchone()
        assert told
        assert loader.execute(comment, [copy, column]).fetchone() == told
