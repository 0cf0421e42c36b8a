"""The params of the DAGs that bring no batch in: actions, rollback, maintenance, streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, JsonValue

from assay.airflow_ui.forms import Params, Reason, form_of, narrowed, text
from assay.ledger.actions import Action, StreamAction

WHY = Field(title="Reason", description="Why, for the books; 3 to 200 characters.")
BatchId = Annotated[str, text(1, 200)]
FileName = Annotated[str, text(1, 1000)]


@dataclass(frozen=True, kw_only=True)
class MaintenanceParams(Params):
    """What keeping house shall do."""

    dry_run: Annotated[
        bool,
        Field(
            title="Dry run",
            description="Remove and rewrite nothing; the logs say what would be done.",
        ),
    ] = False
    work_days: Annotated[
        int,
        Field(
            ge=1,
            title="Days that work is kept",
            description="Change sets of batches that ended this many days ago are removed.",
        ),
    ] = 7


@dataclass(frozen=True, kw_only=True)
class RollbackParams(Params):
    """What shall be taken back."""

    to_release: Annotated[
        Annotated[int, Field(ge=1)] | None,
        Field(
            title="Back to release",
            description="The number of the release that readers shall see again.",
        ),
    ] = None
    batch: Annotated[
        BatchId | None,
        Field(
            title="Or undo the batch",
            description="The newest batch of its pipeline; it may be committed and not released.",
        ),
    ] = None
    give_back_files: Annotated[
        bool,
        Field(
            title="Give the files back",
            description="The files of the batches are pending again; else they are archived.",
        ),
    ] = False
    why: Annotated[Reason, WHY]


@dataclass(frozen=True, kw_only=True)
class ActionParams(Params):
    """What shall be done with a stuck batch; what depends on the books is checked by the run."""

    action: Annotated[
        Action,
        Field(
            title="Action",
            description="retry goes on with the batch from the first task that it needs;"
            " reject-file goes on without one file; abandon gives all its files back to landing.",
        ),
    ] = "retry"
    pipeline: Annotated[
        str | None,
        Field(
            title="Pipeline",
            description="Its only open batch is meant, when no batch is named.",
        ),
    ] = None
    batch: Annotated[
        BatchId | None,
        Field(
            title="Batch",
            description="As the note of the red run names it; one that is wrong lists the open.",
        ),
    ] = None
    file: Annotated[
        FileName | None,
        Field(
            title="File",
            description="For reject-file: its name, or the beginning of its sha256; one that is"
            " wrong lists the files of the batch.",
        ),
    ] = None
    reason: Annotated[Reason, WHY]


@dataclass(frozen=True, kw_only=True)
class StreamActionParams(Params):
    """What shall be done to streams; what depends on the books is checked by the run."""

    action: Annotated[
        StreamAction,
        Field(
            title="Action",
            description="start and stop need a pipeline; reject and readmit a dataset and a slice;"
            " skip, behind records that Kafka has lost, a dataset.",
        ),
    ]
    pipeline: Annotated[
        str | None,
        Field(title="Pipeline", description="Whose streams start or stop."),
    ] = None
    dataset: Annotated[
        str | None,
        Field(title="Dataset", description="Whose slice or lost records are meant."),
    ] = None
    slice: Annotated[
        FileName | None,
        Field(
            title="Slice",
            description="The name of its file, or the beginning of its id; one that is wrong lists"
            " those that there are.",
        ),
    ] = None
    reason: Annotated[Reason, WHY]


MAINTENANCE_PARAMS = form_of(MaintenanceParams)
ROLLBACK_PARAMS = form_of(RollbackParams)


def action_params(pipelines: Sequence[str]) -> dict[str, dict[str, JsonValue]]:
    """The form of actions, which offers the open batches of these pipelines."""
    form = form_of(ActionParams)
    offered = narrowed(form["pipeline"], pipelines, none="that of the batch")
    return {**form, "pipeline": offered}


def stream_action_params(
    pipelines: Sequence[str], datasets: Sequence[str]
) -> dict[str, dict[str, JsonValue]]:
    """The form of actions on streams, which offers these pipelines and datasets."""
    form = form_of(StreamActionParams)
    offered = {
        "pipeline": narrowed(form["pipeline"], pipelines, none="none"),
        "dataset": narrowed(form["dataset"], datasets, none="none"),
    }
    return {**form, **offered}
