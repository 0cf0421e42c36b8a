"""May a stage begin? The books and the earlier stages say so; the colour of a task does not."""

from __future__ import annotations

from collections.abc import Iterator

from assay import ledger
from assay.batch_states import (
    COMMITTED,
    COMMITTING,
    FAILED,
    PUBLISHED,
    RUNNING,
    UNRELEASED,
    BatchState,
)
from assay.delta_history import commits
from assay.errors import BatchError
from assay.gates import all_subjects, require_verdicts, subjects
from assay.inputs import Rebuild, Releases
from assay.intake.delivery_order import write_delivery_order
from assay.intake.rest import require_unchanged
from assay.ledger.query import Connection
from assay.plan import Plan
from assay.publish.change import require_staged
from assay.quarantine.selection import require_open, select_rows
from assay.stage_results import NO_GOLD, GoldBuild, SilverBuild, read_gold, read_silver

UP_TO_SILVER = ("ingest_bronze", "validate_bronze", "build_silver")
RESOLVED_AGAINST = ("build_silver", "build_gold", "stage", "commit")


def prepare_stage(connection: Connection, plan: Plan, stage: str) -> None:
    """Have a stage meet what the books say today, not what they said when it was planned.

    Raises BatchError, or GateFailedError, with the way out, when it must not begin.
    """
    require_ready(connection, plan, stage)
    if stage in UP_TO_SILVER:  # an earlier stage may go on with the build on its own
        write_delivery_order(connection, plan)
    if stage in plan.input.asks_ledger:
        if stage == "build_silver":
            select_rows(connection, plan)
        else:
            require_open(connection, plan)
    if stage == "commit":
        # What a sender has added to a file since it was counted must not be left out in silence.
        require_unchanged(plan.slices, plan.batch_id, every_byte=False)


def require_ready(connection: Connection, plan: Plan, stage: str) -> None:
    """Raise BatchError, or GateFailedError, with the way out, when a stage must not begin.

    A plan whose rebuild list or silver versions are out of date is refused. A commit needs the
    verdict of every expectation on exactly what it is about to write, and this must be staged.
    """
    if not plan.commit:
        return
    ledger.require_no_rollback(connection, plan.pipeline)
    if stage not in RESOLVED_AGAINST:
        return
    _require_today(connection, plan)
    if stage == "commit":
        _require_alone(connection, plan)
        verdicts = ledger.verdicts_in_force(connection, plan.batch_id)
        require_verdicts(verdicts, plan, all_subjects(plan))
        require_staged(plan)


def _require_today(connection: Connection, plan: Plan) -> None:
    outdated = ""
    if isinstance(plan.input, Rebuild):
        later = ledger.current_generation(connection, plan.pipeline, besides=plan.batch_id)
        if ledger.bronze_batches(connection, plan.pipeline) != plan.input.batches:
            outdated = "batches were committed or rolled back since this rebuild was planned"
        elif later >= plan.generation:
            outdated = "another rebuild was committed since this one was planned"
    elif isinstance(plan.input, Releases) and _is_outdated(connection, plan, plan.input):
        outdated = "other versions of silver are released than this batch was planned on"
    if outdated:
        raise BatchError(
            f"{plan.batch_id}: {outdated}; it would publish what is past. Give it up with `assay"
            f" batch abandon {plan.batch_id} --why ...` and trigger {plan.pipeline} again"
            + (" with full_rebuild" if isinstance(plan.input, Rebuild) else "")
        )


def _is_outdated(connection: Connection, plan: Plan, releases: Releases) -> bool:
    """A run under way may finish when a newer release overtakes it; one that is resumed may not."""
    is_resumed = ledger.batch_state(connection, plan.batch_id) == FAILED
    if is_resumed or ledger.was_overtaken(connection, plan.batch_id):
        return ledger.released_silver(connection, plan.datasets) != releases.versions
    return not ledger.are_released(connection, releases.versions)


def _require_alone(connection: Connection, plan: Plan) -> None:
    """Nothing is committed on top of a batch that is not released."""
    for other in ledger.batches_in_state(connection, plan.pipeline, UNRELEASED):
        if other != plan.batch_id:
            raise BatchError(f"{plan.batch_id}: {ledger.still_unreleased(other)}")


def read_builds(plan: Plan, rules: str) -> tuple[dict[str, SilverBuild], dict[str, GoldBuild]]:
    """What the newest builds made of silver and gold. Raises BatchError unless they belong together
    and were made under the rules of today."""
    has_silver = plan.input.makes_silver
    silver = read_silver(plan.folder) if has_silver else None
    made_from = subjects(plan, "silver") if has_silver else {}
    gold = read_gold(plan.folder) if plan.needs("build_gold") else NO_GOLD
    if gold.made_from not in (None, made_from):
        raise BatchError(
            f"{plan.batch_id}: silver was built again after gold; clear build_gold and all after it"
        )
    if not {silver.rules if silver else None, gold.rules} <= {None, rules}:
        raise BatchError(
            f"{plan.batch_id}: contracts or transformations have changed since it was built and"
            f" judged; clear {plan.input.first_build} and all after it"
        )
    return silver.datasets if silver else {}, gold.tables


def settle_commit(connection: Connection, plan: Plan) -> BatchState:
    """The state of a batch whose commit was cut off, after a look at the lake; no job may be alive.

    A commit that wrote nothing takes the batch back to where it was, so that it can be given up;
    unless a rollback was cut off, which has the batch on its list and must find it in the lake.
    """
    state, committed = ledger.commit_of(connection, plan.batch_id)
    if (
        state != COMMITTING
        or ledger.is_rolling_back(connection, plan.pipeline)
        or any(
            commit.batch_id == plan.batch_id and commit.epoch > committed
            for path in _written_by_commit(plan)
            for commit in commits(path)
        )
    ):
        return state
    before = RUNNING if committed < 0 else COMMITTED
    if ledger.has_standing_release(connection, plan.batch_id):
        before = PUBLISHED
    ledger.set_batch_state(connection, plan.batch_id, before)
    return before


def _written_by_commit(plan: Plan) -> Iterator[str]:
    for dataset in plan.datasets if plan.input.makes_silver else ():
        yield plan.table("quarantine", dataset)
        yield plan.table("silver", dataset)
    for contract in plan.gold:
        yield plan.table("gold", contract.name)
