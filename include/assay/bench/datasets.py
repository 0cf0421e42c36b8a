"""Part `datasets`: rows per second through the whole DAG of every pipeline."""

from __future__ import annotations

from assay.bench.dag_runs import load_everything
from assay.bench.figures import Breakdown, PartResult
from assay.bench.workbench import Workbench
from assay.contracts.pipelines import pipelines_started_by

COLUMNS = ("pipeline", "datasets", "files", "records", "seconds", "rows per second")


def measure_datasets(bench: Workbench) -> PartResult:
    """The first load of every pipeline, from its trigger to the end of its run."""
    rows = []
    for pipeline in pipelines_started_by("files"):
        first = load_everything(bench, pipeline.name)
        files = bench.files * len(pipeline.datasets)
        records = sum(first.classes.values())
        figures = [f"{files:,}", f"{records:,}", f"{first.seconds:.1f}"]
        rows.append(
            [
                pipeline.name,
                ", ".join(pipeline.datasets),
                *figures,
                f"{records / first.seconds:,.0f}",
            ]
        )
    return PartResult("datasets", breakdowns=[Breakdown("first loads", COLUMNS, rows)])
