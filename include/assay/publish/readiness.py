"""May a stage begin? The books and the earlier stages say so; the colour of a task does not."""

from __future__ import annotations

from assay import ledger
from assay.batch.gates import all_subjects, require_verdicts
from assay.batch.plan import Plan
from assay.batch.states import FAILED, UNRELEASED
from assay.errors import BatchError
from assay.intake.delivery_order import write_delivery_order
from assay.intake.rest import require_unchanged
from assay.ledger.query import Connection
from assay.publish.change import require_staged
from assay.quarantine.selection import require_open, select_rows

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
    if plan.input.builds_anew:
        later = ledger.current_generation(connection, plan.pipeline, besides=plan.batch_id)
        if ledger.bronze_batches(connection, plan.pipeline) != plan.input.batches_again():
            outdated = "batches were committed or rolled back since this rebuild was planned"
        elif later >= plan.generation:
            outdated = "another rebuild was committed since this one was planned"
    elif not plan.input.makes_silver and _is_outdated(connection, plan):
        outdated = "other versions of silver are released than this batch was planned on"
    if outdated:
        raise BatchError(
            f"{plan.batch_id}: {outdated}; it would publish what is past. Give it up with `assay"
            f" batch abandon {plan.batch_id} --why ...` and trigger {plan.pipeline} again"
            + (" with full_rebuild" if plan.input.builds_anew else "")
        )


def _is_outdated(connection: Connection, plan: Plan) -> bool:
    """A run under way may finish when a newer release overtakes it; one that is resumed may not."""
    versions = plan.input.silver_versions()
    is_resumed = ledger.batch_state(connection, plan.batch_id) == FAILED
    if is_resumed or ledger.was_overtaken(connection, plan.batch_id):
        return ledger.released_silver(connection, plan.datasets) != versions
    return not ledger.are_released(connection, versions)


def _require_alone(connection: Connection, plan: Plan) -> None:
    """Nothing is committed on top of a batch that is not released."""
    for other in ledger.batches_in_state(connection, plan.pipeline, UNRELEASED):
        if other != plan.batch_id:
            raise BatchError(f"{plan.batch_id}: {ledger.still_unreleased(other)}")
