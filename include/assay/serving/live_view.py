"""The view `live.<table>_now`: of each key the row that would be served if all were released."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from assay.contracts.columns import Column
from assay.contracts.model import Contract
from assay.ledger.query import fetch_value
from assay.serving.columns import columns_in_order, columns_of

LIVE_SINCE = Column("live_since", "timestamp", nullable=False, description="When it was shown here")
STATE = Column(
    "state", nullable=False, description="released (audited), or live: not audited, and may change"
)
# Nothing is sorted but what is live, and a key that is asked for is looked up in the indexes.
NOW = """
    SELECT {columns} FROM (
        SELECT {released}, NULL::timestamptz AS live_since, 'released'::text AS state
        FROM {serving} AS served
        WHERE NOT EXISTS (SELECT FROM {live} AS live WHERE {same_key} AND {live_wins})
        UNION ALL
        SELECT {shown}, live_since, 'live'
        FROM (
            SELECT DISTINCT ON ({keys}) * FROM {live}
            ORDER BY {keys}, {version} DESC,
                     live_since {later}, slice_id {later}, record_number {later}
        ) AS live
        WHERE NOT EXISTS (SELECT FROM {serving} AS served WHERE {same_key} AND NOT ({live_wins}))
    ) AS both_kinds
"""


def show_now(
    connection: psycopg.Connection[Any],
    contract: Contract,
    live: str,
    view: str,
    columns: Sequence[Column],
) -> bool:
    """Make the view, or make it as the contract is today; False when it is so already.

    `live` is the table of live, and `columns` are those that it shares with the served one. Columns
    that the tables have gained come behind those that the view has.
    """
    both = columns_of(connection, live) & columns_of(connection, contract.serving)
    shown = columns_in_order(connection, view)
    names = [*(column.name for column in columns), *shown]
    of_rows = [name for name in dict.fromkeys(names) if name in both]
    order = [*dict.fromkeys([*shown, *of_rows, LIVE_SINCE.name, STATE.name])]
    wanted = _now(contract, live, of_rows, order)
    if shown and _is_defined_as(connection, view, wanted):
        return False
    connection.execute(
        sql.SQL("CREATE OR REPLACE VIEW {} AS {}").format(sql.Identifier(*view.split(".")), wanted)
    )
    return True


def _is_defined_as(connection: psycopg.Connection[Any], view: str, wanted: sql.Composed) -> bool:
    """Whether Postgres has the same words for the view as for one that is made for comparison.

    To make the view anew for nothing would wait for every transaction that reads it.
    """
    with connection.transaction():
        connection.execute(sql.SQL("CREATE TEMPORARY VIEW wanted_now AS {}").format(wanted))
        same: bool = fetch_value(
            connection,
            "SELECT pg_get_viewdef('pg_temp.wanted_now'::regclass) = pg_get_viewdef(%s::regclass)",
            [view],
        )
        connection.execute("DROP VIEW pg_temp.wanted_now")
    return same


def _now(contract: Contract, live: str, of_rows: list[str], order: list[str]) -> sql.Composed:
    def listed(prefix: str, names: Sequence[str]) -> sql.Composed:
        return sql.SQL(", ").join(sql.Identifier(prefix, name) for name in names)

    keeps_first = contract.on_equal_version == "conflict"
    version = sql.Identifier(contract.event_time)
    wins = sql.SQL(">" if keeps_first else ">=")
    return sql.SQL(NOW).format(
        live=sql.Identifier(*live.split(".")),
        serving=sql.Identifier(*contract.serving.split(".")),
        keys=sql.SQL(", ").join(map(sql.Identifier, contract.keys)),
        version=version,
        later=sql.SQL("ASC" if keeps_first else "DESC"),
        columns=listed("both_kinds", order),
        released=listed("served", of_rows),
        shown=listed("live", of_rows),
        same_key=sql.SQL(" AND ").join(
            sql.SQL("live.{0} = served.{0}").format(sql.Identifier(key)) for key in contract.keys
        ),
        live_wins=sql.SQL("live.{0} {1} served.{0}").format(version, wins),
    )
