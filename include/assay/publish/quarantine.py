"""Quarantine in a release: the rows that the batch put there, and those that it takes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from assay.batch.inputs import Movement, Rebuild, Replay, Waiver
from assay.batch.plan import Plan
from assay.batch.stage_results import SilverBuild
from assay.contracts.columns import Column
from assay.contracts.lineage import SLICE_ID
from assay.errors import ReconciliationError
from assay.ledger.query import fetch_all
from assay.publish.reconciliation import require_equal
from assay.publish.staging import staging_of
from assay.publish.targets import Target, parquet_files
from assay.quarantine.selection import moved_files
from assay.words import count

COLUMNS = (
    SLICE_ID,
    Column("source_file"),
    Column("record_number", "bigint"),
    Column("reasons", "array<string>"),
    Column("raw"),
)
BALANCE = """
    SELECT batch_id, dataset, quarantined, open + replayed + patched + waived
    FROM ops.quarantine_balance WHERE batch_id = ANY(%s)
"""


def quarantine_target(dataset: str, built: SilverBuild) -> Target:
    """The quarantined rows of a change set."""
    files = parquet_files(built.change_set, "class=quarantined")
    return _target("ops.quarantine_row", f"quarantine_{dataset}", COLUMNS, files)


def moves_target(name: str, files: Sequence[Path], *, of_one_dataset: bool) -> Target:
    """The rows that leave quarantine, by their row_id; with their dataset, if of several."""
    columns = (Column("row_id"),) if of_one_dataset else (Column("dataset"), Column("row_id"))
    return _target("ops.quarantine_movement", f"moves_{name}", columns, tuple(files))


def _target(
    table: str, staged_as: str, columns: tuple[Column, ...], files: tuple[Path, ...]
) -> Target:
    return Target(
        table=table,
        source="",
        keys=("dataset", "row_id"),
        columns=columns,
        measured=(),
        files=files,
        has_deletions=False,
        replaces_all=False,
        staged_as=staged_as,
    )


def quarantine_targets(plan: Plan, silver: Mapping[str, SilverBuild]) -> dict[str, Target]:
    """Dataset → what the batch puts into quarantine. A replay puts nothing there."""
    if not plan.input.quarantines:
        return {}
    return {dataset: quarantine_target(dataset, built) for dataset, built in silver.items()}


def moves_targets(plan: Plan, silver: Mapping[str, SilverBuild]) -> dict[str, Target]:
    """Dataset → what the batch takes out of quarantine."""
    if plan.movement is None:
        return {}
    return {
        dataset: moves_target(dataset, moved_files(built), of_one_dataset=True)
        for dataset, built in silver.items()
    }


def replace_rows(
    connection: psycopg.Connection[Any],
    plan: Plan,
    rows: Mapping[str, Target],
    generation: int,
) -> None:
    """Write what the batch quarantined in place of what it had; a rebuild replaces everything.

    A rebuild judges replayed rows like any other. One that is bad again is back, and open.
    """
    is_rebuild = isinstance(plan.input, Rebuild)
    connection.execute(
        "DELETE FROM ops.quarantine_row WHERE batch_id = %s OR (%s AND dataset = ANY(%s))",
        [plan.batch_id, is_rebuild, plan.datasets],
    )
    for dataset, target in rows.items():
        connection.execute(
            sql.SQL(
                "INSERT INTO ops.quarantine_row (row_id, dataset, batch_id, generation, slice_id,"
                " source_file, record_number, reasons, raw)"
                " SELECT slice_id || ':' || record_number, %s, %s, %s, slice_id, source_file,"
                " record_number, reasons, raw FROM {} ORDER BY 1"
            ).format(staging_of(target)),
            [dataset, plan.batch_id, generation],
        )
    if is_rebuild:
        connection.execute(
            "WITH back AS (DELETE FROM ops.quarantine_movement AS moved"
            " USING ops.quarantine_row AS row WHERE moved.dataset = row.dataset"
            " AND moved.row_id = row.row_id AND moved.how = 'replayed' AND row.batch_id = %s"
            " RETURNING moved.*) INSERT INTO ops.undone_movement SELECT back.*, %s FROM back",
            [plan.batch_id, plan.batch_id],
        )


def record_movements(
    connection: psycopg.Connection[Any], plan: Plan, moves: Mapping[str, Target]
) -> list[str]:
    """Record that rows have left, in place of what the batch had recorded; returns whence.

    `moves` is keyed by dataset; under the empty name each staged row has its own. Raises
    ReconciliationError when one of them is not in quarantine any more.
    """
    if plan.movement is None:
        return []
    connection.execute("DELETE FROM ops.quarantine_movement WHERE to_batch = %s", [plan.batch_id])
    from_batches: set[str] = set()
    for dataset, target in moves.items():
        from_batches |= _move(connection, plan, plan.movement, staging_of(target), dataset)
    return sorted(from_batches)


def _move(
    connection: psycopg.Connection[Any],
    plan: Plan,
    movement: Movement,
    staged: sql.Identifier,
    dataset: str,
) -> set[str]:
    to_batch = None if isinstance(plan.input, Waiver) else plan.batch_id
    whose = sql.Literal(dataset) if dataset else sql.SQL("staged.dataset")
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(staged))
        asked = (cursor.fetchone() or (0,))[0]
        cursor.execute(
            sql.SQL(
                "WITH moved AS (INSERT INTO ops.quarantine_movement"
                " (dataset, row_id, from_batch, to_batch, how, who, why)"
                " SELECT row.dataset, row.row_id, row.batch_id, %s, %s, %s, %s"
                " FROM {} AS staged JOIN ops.quarantine_row AS row"
                " ON row.row_id = staged.row_id AND row.dataset = {}"
                " ON CONFLICT DO NOTHING RETURNING from_batch)"
                " SELECT from_batch, count(*) FROM moved GROUP BY from_batch"
            ).format(staged, whose),
            [to_batch, plan.input.how, movement.who, movement.why],
        )
        moved: dict[str, int] = dict(cursor.fetchall())
    if asked != sum(moved.values()):
        raise ReconciliationError(
            f"{plan.batch_id}: {count(asked, 'row')} to be {plan.input.how}, but only"
            f" {sum(moved.values()):,} of them still open in quarantine; nothing is published"
        )
    return set(moved)


def check_moves(plan: Plan, silver: Mapping[str, SilverBuild]) -> None:
    """The records of a replay are its movements."""
    for dataset, built in silver.items() if isinstance(plan.input, Replay) else ():
        records = sum(counts["records"] for counts in built.classes.values())
        require_equal(
            f"{plan.batch_id}, {dataset}: rows that leave quarantine = records",
            built.moved,
            records,
        )


def check_conservation(connection: psycopg.Connection[Any], batches: Sequence[str]) -> None:
    """What a batch quarantined is open, replayed, patched or waived; asked after the release row.

    Only of batches of the newest generation: a rebuild has taken the rows of the others over.
    """
    for batch_id, dataset, quarantined, found in fetch_all(connection, BALANCE, [list(batches)]):
        require_equal(
            f"batch {batch_id}, {dataset}: quarantined = open + replayed + patched + waived",
            quarantined,
            found,
        )
