"""What a person asks to be rolled back, and what that comes to by the books."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from assay import ledger
from assay.batch.plan import Plan, read_plan
from assay.batch.states import IN_LAKE, UNRELEASED
from assay.contracts.load import gold_contracts
from assay.errors import BatchError
from assay.ledger.names import batch_named
from assay.ledger.query import Connection
from assay.ledger.releases import Release, pipeline_of_release, standing_releases
from assay.ledger.rollbacks import Rollback, batches_in_lake
from assay.settings import Settings
from assay.storage.delta_history import commits


@dataclass(frozen=True)
class Request:
    """Either the release that shall be the newest again, or the newest batch, which shall go."""

    to_release: int | None
    batch: str | None
    who: str
    why: str
    gives_back: bool = False


def with_whole_id(connection: Connection, request: Request) -> Request:
    """The request with the id of the batch that it names; raises BatchError as `batch_named`."""
    if request.batch is None:
        return request
    return replace(request, batch=batch_named(connection, request.batch))


def find_pipeline(connection: Connection, request: Request) -> str:
    """The pipeline that the request is about. Raises BatchError when it names nothing."""
    if (request.to_release is None) == (request.batch is None):
        raise BatchError("name either the release to go back to, or the batch to undo")
    if request.batch is not None:
        return ledger.run_of_batch(connection, request.batch).pipeline
    return pipeline_of_release(connection, request.to_release)


def resolve(
    settings: Settings, connection: Connection, pipeline: str, request: Request, epoch: int
) -> Rollback:
    """Which batches go, and which version each table goes back to.

    Raises BatchError when the request cannot be met, or there is nothing to undo.
    """
    releases = standing_releases(connection, pipeline)
    unreleased = batches_in_lake(connection, pipeline, UNRELEASED)
    target = _target(connection, releases, unreleased, request)
    later = [r for r in releases if target is None or r.release_id > target.release_id]
    stays = target.batch_id if target else ""
    gone = [*unreleased, *(r.batch_id for r in reversed(later))]
    if not gone:
        raise BatchError(
            f"release {request.to_release} is what readers of {pipeline} see; there is nothing to"
            " roll back"
        )
    return Rollback(
        rollback_id=f"{pipeline}_rollback_{epoch}",
        pipeline=pipeline,
        to_release=target.release_id if target else None,
        batches=[batch for batch in dict.fromkeys(gone) if batch != stays],
        versions=_versions(settings, releases, target, unreleased),
        gives_back=request.gives_back,
        who=request.who,
        why=request.why,
    )


def _target(
    connection: Connection,
    releases: list[Release],
    unreleased: list[str],
    request: Request,
) -> Release | None:
    """The release that readers shall see again; None for the time before the first one."""
    if request.to_release is not None:
        found = [r for r in releases if r.release_id == request.to_release]
        if not found:
            raise BatchError(f"release {request.to_release} was rolled back itself")
        return found[0]
    batch = request.batch or ""
    own = [r.release_id for r in releases if r.batch_id == batch]
    newest = [*unreleased, *(r.batch_id for r in releases[-1:])][:1]
    if newest != [batch]:
        state = ledger.batch_state(connection, batch)
        if state not in IN_LAKE:
            raise BatchError(f"{batch}: is {state}; the lake has nothing of it to roll back")
        raise BatchError(
            f"{batch}: later batches are built on it; undo {newest[0] if newest else 'them'} first,"
            " or go back to an earlier release with --to"
        )
    first = min(own) if own and batch not in unreleased else None
    before = [r for r in releases if first is None or r.release_id < first]
    return before[-1] if before else None


def _versions(
    settings: Settings,
    releases: list[Release],
    target: Release | None,
    unreleased: list[str],
) -> dict[str, int]:
    """Every table that the pipeline writes, and where it stood; 0 is a table that was empty."""
    tables = {table for release in releases for table in release.versions}
    for batch in unreleased:
        tables |= set(written_tables(read_plan(settings.batches / batch / "plan.json")))
    stood: dict[str, int] = dict.fromkeys(sorted(tables), 0)
    for release in releases:
        if target and release.release_id <= target.release_id:
            stood |= release.versions
    return {
        table: version
        for table, version in stood.items()
        if commits(str(settings.lake / Path(*table.split("."))), limit=1)
    }


def written_tables(plan: Plan) -> Iterator[str]:
    """The tables that a commit of the plan's pipeline may write."""
    if not plan.input.makes_silver:
        yield from (contract.table for contract in plan.gold)
        return
    for dataset in plan.datasets:
        yield f"quarantine.{dataset}"
        yield f"silver.{dataset}"
    yield from (contract.table for contract in gold_contracts(plan.datasets))
