"""The manual of a DAG that has no file to be told in, made from the contracts of its pipeline."""

from __future__ import annotations

from collections.abc import Iterator

from assay.contracts.load import gold_contracts, load_contract
from assay.contracts.pipelines import Pipeline

GATES = """\
**When a gate fails** nothing has been published: read the task's log, which names the expectation
and the failing records. The first line of the run's note names the batch: trigger `batch_actions`
with it to retry, to go on without a file, or to give the files back to landing. When the data is
odd but true, trigger this DAG again with `gate_policy` = `override` and a reason."""


def manual_of(pipeline: Pipeline) -> str:
    """What it takes, from where, where to look, and what to do when a gate fails: Markdown."""
    title = f"### {pipeline.name}: {' and '.join(pipeline.datasets)} from landing to Postgres"
    served = ", ".join(f"`{table}`" for table in _tables(pipeline))
    where = (
        f"**Where to look.** Postgres: {served}; `ops.release` says what is published,"
        " `ops.row_ledger` where each record went. The note of a run sums up its batch."
    )
    return "\n\n".join([title, *_deliveries(pipeline), where, GATES])


def _deliveries(pipeline: Pipeline) -> Iterator[str]:
    for dataset in pipeline.datasets:
        bronze, silver = load_contract("bronze", dataset), load_contract("silver", dataset)
        patterns = ", ".join(f"`{p}`" for p in bronze.source.patterns) if bronze.source else ""
        yield (
            f"Takes every file ({patterns}) that is complete in `landing/{dataset}/`."
            f" {silver.description.rstrip('.')}."
        )


def _tables(pipeline: Pipeline) -> Iterator[str]:
    for dataset in pipeline.datasets:
        yield load_contract("silver", dataset).serving or f"silver.{dataset} (Delta only)"
    yield from (table.table for table in gold_contracts(pipeline.datasets))
