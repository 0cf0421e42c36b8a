"""Comments on what readers of Postgres see: as the contracts say, and views as their tables do."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from assay.ledger.query import fetch_all

# A table, or a column of it; the empty column is the table itself.
Comments = dict[tuple[str, str], str]
KNOWN = """
    SELECT space.nspname || '.' || relname, coalesce(attname, ''), coalesce(description, ''),
           CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END
    FROM pg_class
    JOIN pg_namespace AS space ON space.oid = relnamespace
    CROSS JOIN LATERAL (
        SELECT NULL AS attname, 0 AS place
        UNION ALL
        SELECT pg_attribute.attname, attnum FROM pg_attribute
        WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    ) AS part
    LEFT JOIN pg_description
        ON objoid = pg_class.oid AND objsubid = place AND classoid = 'pg_class'::regclass
    WHERE nspname IN ('serving', 'gold', 'live') AND relkind IN ('r', 'p', 'v', 'm')
"""
# A column of a view, and one of the same name that the view is made of.
SHOWN = """
    SELECT DISTINCT ON (1, 2)
        space.nspname || '.' || shown.relname, own.attname,
        base_space.nspname || '.' || base.relname,
        coalesce(col_description(base.oid, source.attnum), '')
    FROM pg_class AS shown
    JOIN pg_namespace AS space ON space.oid = shown.relnamespace
    JOIN pg_rewrite ON ev_class = shown.oid
    JOIN pg_depend
        ON classid = 'pg_rewrite'::regclass AND objid = pg_rewrite.oid
        AND refclassid = 'pg_class'::regclass AND refobjid <> shown.oid
    JOIN pg_class AS base ON base.oid = refobjid
    JOIN pg_namespace AS base_space ON base_space.oid = base.relnamespace
    JOIN pg_attribute AS source ON source.attrelid = refobjid AND source.attnum = refobjsubid
    JOIN pg_attribute AS own ON own.attrelid = shown.oid AND own.attname = source.attname
    WHERE shown.relkind IN ('v', 'm') AND space.nspname IN ('serving', 'gold', 'live')
      AND own.attnum > 0
    ORDER BY 1, 2, 3
"""


def comment_served(connection: psycopg.Connection[Any], told: Comments) -> None:
    """As the owner, give tables, views and their columns the comments that are told of them.

    Any other column of a view has that of the column that it shows, unless a migration gave it
    one of its own. What has its comment already is left alone.
    """
    known: Comments = {}
    kinds: dict[str, str] = {}
    for table, column, comment, kind in fetch_all(connection, KNOWN, []):
        known[table, column] = comment
        kinds[table] = kind
    wanted = {place: comment for place, comment in told.items() if place in known and comment}
    for view, column, base, before in fetch_all(connection, SHOWN, []):
        if (view, column) not in told and known[view, column] in ("", before):
            wanted[view, column] = wanted.get((base, column), before)
    with connection.transaction():
        for place, comment in wanted.items():
            if comment != known[place]:
                _comment(connection, kinds[place[0]], *place, comment)


def _comment(
    connection: psycopg.Connection[Any], kind: str, table: str, column: str, comment: str
) -> None:
    name = sql.Identifier(*table.split("."), *([column] if column else []))
    what = sql.SQL("COLUMN" if column else kind)
    connection.execute(sql.SQL("COMMENT ON {} {} IS {}").format(what, name, comment))
