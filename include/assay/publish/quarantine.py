"""Quarantine in a release: the rows that the batch put there, and those that it takes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from psycopg.sql import Identifier

from assay.batch.input_kind import Movement
from assay.batch.plan import Plan
from assay.batch.stage_results import SilverBuild
from assay.contracts.columns import Column
from assay.contracts.lineage import SLICE_ID
from assay.errors import ReconciliationError
from assay.ledger.movements import (
    balances,
    clear_quarantine,
    forget_movements,
    move_rows,
    quarantine_rows,
    reopen_replayed,
)
from assay.ledger.query import Connection
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
    connection: Connection,
    plan: Plan,
    rows: Mapping[str, Target],
    generation: int,
) -> None:
    """Write what the batch quarantined in place of what it had; a rebuild replaces everything.

    A rebuild judges replayed rows like any other. One that is bad again is back, and open.
    """
    builds_anew = plan.input.builds_anew
    clear_quarantine(connection, plan.batch_id, plan.datasets if builds_anew else [])
    for dataset, target in rows.items():
        quarantine_rows(connection, staging_of(target), plan.batch_id, dataset, generation)
    if builds_anew:
        reopen_replayed(connection, plan.batch_id)


def record_movements(connection: Connection, plan: Plan, moves: Mapping[str, Target]) -> list[str]:
    """Record that rows have left, in place of what the batch had recorded; returns whence.

    `moves` is keyed by dataset; under the empty name each staged row has its own. Raises
    ReconciliationError when one of them is not in quarantine any more.
    """
    if plan.movement is None:
        return []
    forget_movements(connection, plan.batch_id)
    from_batches: set[str] = set()
    for dataset, target in moves.items():
        from_batches |= _move(connection, plan, plan.movement, staging_of(target), dataset)
    return sorted(from_batches)


def _move(
    connection: Connection, plan: Plan, movement: Movement, staged: Identifier, dataset: str
) -> set[str]:
    moved = move_rows(
        connection,
        staged,
        dataset,
        to_batch=None if plan.input.gives_up_rows else plan.batch_id,
        how=plan.input.how,
        who=movement.who,
        why=movement.why,
    )
    if moved.asked != sum(moved.by_batch.values()):
        raise ReconciliationError(
            f"{plan.batch_id}: {count(moved.asked, 'row')} to be {plan.input.how}, but only"
            f" {sum(moved.by_batch.values()):,} of them still open in quarantine; nothing is"
            " published"
        )
    return set(moved.by_batch)


def check_moves(plan: Plan, silver: Mapping[str, SilverBuild]) -> None:
    """Where nothing is put into quarantine, as by a replay, the records are the movements."""
    for dataset, built in () if plan.input.quarantines else silver.items():
        records = sum(counts["records"] for counts in built.classes.values())
        require_equal(
            f"{plan.batch_id}, {dataset}: rows that leave quarantine = records",
            built.moved,
            records,
        )


def check_conservation(connection: Connection, batches: Sequence[str]) -> None:
    """What a batch quarantined is open, replayed, patched or waived; asked after the release row.

    Only of batches of the newest generation: a rebuild has taken the rows of the others over.
    """
    for each in balances(connection, batches):
        require_equal(
            f"batch {each.batch_id}, {each.dataset}:"
            " quarantined = open + replayed + patched + waived",
            each.quarantined,
            each.found,
        )
