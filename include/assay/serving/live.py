"""What streams show before it is audited: for each served table of rows, three things in `live`.

`live.<table>` has the good records of slices that are not released, every version of a key;
`live.<table>_errors` the bad ones with all their reasons; and the view `live.<table>_now` the row
that would be served if everything live were released now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg import sql

from assay.contracts.columns import Column
from assay.contracts.lineage import SLICE_ID
from assay.contracts.load import all_contracts
from assay.contracts.model import Contract
from assay.ledger.live_scripts import record_script
from assay.ledger.query import fetch_all
from assay.serving.columns import add_column, columns_of, definition
from assay.serving.comments import Comments
from assay.serving.live_view import LIVE_SINCE, STATE, show_now

# A view reads with the rights of the owner: by one a stream could read what is served.
VIEWS_OF_STREAMS = """
    SELECT 'live.' || relname FROM pg_class
    WHERE relnamespace = 'live'::regnamespace AND relkind = 'v'
      AND has_table_privilege('assay_streamer', oid, 'SELECT')
"""
SCRIPT = "live.sql"  # beside a contract: views of the dataset over its tables
NOT_AUDITED = "Not audited: what a batch has not judged may be changed or quarantined by it."
RECORD_NUMBER = Column(
    "record_number", "bigint", nullable=False, description="Its record in the slice, from 1"
)
# Rows come all the time, and leave with every release: clean up after each, not after a fifth.
STEADY_DELETES = """
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
    autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.2,
    autovacuum_vacuum_cost_delay = 0
"""
ERRORS = """
    CREATE TABLE {table} (
        slice_id text NOT NULL, record_number bigint NOT NULL, reasons text[] NOT NULL,
        raw text NOT NULL, live_since timestamptz NOT NULL DEFAULT clock_timestamp()
    )
"""
ERROR_COMMENTS = {
    "slice_id": SLICE_ID.description,
    "record_number": RECORD_NUMBER.description,
    "reasons": "All reasons why the record is bad, in the words of quarantine",
    "raw": "The text as delivered when it could not be taken apart, else its columns as JSON",
    "live_since": LIVE_SINCE.description,
}
OF_NOW = (
    "{} as it would be if all that is live were released now. Rows in state live are not audited:"
    f" {NOT_AUDITED.partition(': ')[2]}"
)
NOW_COMMENTS = {
    LIVE_SINCE.name: "When a live row was shown; null of a released one",
    STATE.name: STATE.description,
}


def live_table(contract: Contract) -> str:
    """The table of live that a stream of this silver contract fills, as `live.<table>`."""
    return f"live.{contract.serving.split('.')[1]}"


def errors_table(contract: Contract) -> str:
    """The table of its bad records."""
    return f"{live_table(contract)}_errors"


def now_view(contract: Contract) -> str:
    """The view of what is released and what is live."""
    return f"{live_table(contract)}_now"


def live_columns(contract: Contract) -> tuple[Column, ...]:
    """The columns that a stream writes; `live_since` is the time of the insertion without it."""
    return (*contract.columns, SLICE_ID, RECORD_NUMBER)


def live_contracts() -> Iterator[Contract]:
    """The silver contracts that have tables in live: those whose rows are served."""
    return (contract for contract in all_contracts("silver") if contract.serving)


def live_comments() -> Comments:
    """What the tables and views of live, and their columns, are said to be."""
    told: Comments = {}
    for contract in live_contracts():
        rows = {c.name: c.description for c in (*live_columns(contract), LIVE_SINCE)}
        served = contract.serving
        for table, comment, columns in (
            (
                live_table(contract),
                f"Records of streams on their way to {served}. {NOT_AUDITED}",
                rows,
            ),
            (
                errors_table(contract),
                f"Bad records of streams on their way to quarantine. {NOT_AUDITED}",
                ERROR_COMMENTS,
            ),
            (now_view(contract), OF_NOW.format(served), {**rows, **NOW_COMMENTS}),
        ):
            told[table, ""] = comment
            told |= {(table, name): text for name, text in columns.items()}
    return told


def make_live_tables(connection: psycopg.Connection[Any]) -> list[str]:
    """As the owner, make what of live is not there, and add the nullable columns that contracts
    have gained; returns the names of tables and columns. The served tables must be there.
    Views become those of the contracts, and those of a `live.sql` what its text says.

    Any other difference is left for a migration. What is as it should be is locked against nobody.
    """
    made = []
    for contract in live_contracts():
        with connection.transaction():
            made += _make_tables(connection, contract)
            is_new = show_now(
                connection,
                contract,
                live_table(contract),
                now_view(contract),
                live_columns(contract),
            )
            _run_script(connection, contract, is_due=is_new)
    for (view,) in fetch_all(connection, VIEWS_OF_STREAMS, []):
        connection.execute(sql.SQL("REVOKE ALL ON {} FROM assay_streamer").format(_named(view)))
    return made


def _make_tables(connection: psycopg.Connection[Any], contract: Contract) -> list[str]:
    made = []
    table, errors = live_table(contract), errors_table(contract)
    known = columns_of(connection, table)
    if not known:
        _create(connection, contract)
        made.append(table)
    elif gained := [c for c in contract.columns if c.nullable and c.name not in known]:
        for column in gained:
            add_column(connection, table, column)
            made.append(f"{table}.{column.name}")
    if not columns_of(connection, errors):
        _create_errors(connection, errors)
        made.append(errors)
    return made


def _run_script(connection: psycopg.Connection[Any], contract: Contract, *, is_due: bool) -> None:
    """Run the `live.sql` of a dataset if it is due, or another text than the one that ran last."""
    script = contract.path.with_name(SCRIPT)
    if not script.is_file():
        return
    text = script.read_bytes()
    if record_script(connection, contract.name, hashlib.sha256(text).hexdigest()) or is_due:
        connection.execute(text)


def _create(connection: psycopg.Connection[Any], contract: Contract) -> None:
    name = live_table(contract)
    columns = [definition(c, is_key=c.name in contract.keys) for c in live_columns(contract)]
    since = sql.SQL("live_since timestamptz NOT NULL DEFAULT clock_timestamp()")
    connection.execute(
        sql.SQL("CREATE TABLE {} ({}) WITH ({})").format(
            _named(name), sql.SQL(", ").join([*columns, since]), sql.SQL(STEADY_DELETES)
        )
    )
    _index(connection, name, ["slice_id"])
    _index(connection, name, contract.keys)


def _create_errors(connection: psycopg.Connection[Any], name: str) -> None:
    settings = sql.SQL(" WITH ({})").format(sql.SQL(STEADY_DELETES))
    connection.execute(sql.SQL(ERRORS).format(table=_named(name)) + settings)
    _index(connection, name, ["slice_id"])


def _index(connection: psycopg.Connection[Any], table: str, columns: Sequence[str]) -> None:
    connection.execute(
        sql.SQL("CREATE INDEX ON {} ({})").format(
            _named(table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
    )


def _named(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))
