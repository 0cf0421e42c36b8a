"""Contract → Great Expectations suite → Checkpoint → verdicts.

Two phases: first only whether each expectation holds, all in one pass; then, for those that do
not, again with the failing records. A gate that passes never pays for the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import DataFrame

from assay.batch.verdicts import Verdict
from assay.contracts.model import Contract, Expectation
from assay.errors import ContractError

if TYPE_CHECKING:
    from great_expectations.data_context import AbstractDataContext

SHOWN_RECORDS = 10
ROWS = "table.row_count"
ALL = ("never", "neither")  # as Great Expectations says that no row is left out
SEVERITIES = {"fail": "critical", "warn": "warning"}


@dataclass(frozen=True)
class GateFrame:
    """What a gate looks at: a frame, its name in the contracts, and what locates a row of it.

    The few rows that the driver knows are a table: Great Expectations judges them in its own
    process, where Spark would run several queries.
    """

    name: str
    rows: DataFrame | pa.Table
    located_by: tuple[str, ...]

    @property
    def columns(self) -> set[str]:
        rows = self.rows
        return {*(rows.column_names if isinstance(rows, pa.Table) else rows.columns)}


def run_gate(
    context: AbstractDataContext, contract: Contract, frames: Sequence[GateFrame]
) -> list[Verdict]:
    """Check every expectation of a contract; one verdict each, in the contract's order."""
    known = {frame.name for frame in frames}
    for expectation in contract.expectations:
        if expectation.frame not in known:
            raise ContractError(
                f"{contract.path}: expectation {expectation.name!r} asks for the frame "
                f"{expectation.frame!r}; this gate has {sorted(known)}"
            )
    verdicts: list[Verdict] = []
    for frame in frames:
        asked = [e for e in contract.expectations if e.frame == frame.name]
        if asked:
            verdicts += _check_frame(context, contract, frame, asked)
    return verdicts


def _check_frame(
    context: AbstractDataContext,
    contract: Contract,
    frame: GateFrame,
    asked: Sequence[Expectation],
) -> list[Verdict]:
    name = f"{contract.table}.{frame.name}"
    found = _run_checkpoint(context, name, frame, asked, {"result_format": "BOOLEAN_ONLY"})
    failed = [e for e in asked if not found[e.name]["success"]]
    if failed:
        located = {
            "result_format": "SUMMARY",
            "partial_unexpected_count": SHOWN_RECORDS,
            "unexpected_index_column_names": list(frame.located_by),
        }
        # In a context of its own: in the first the names of frame and suite are taken.
        found |= _run_checkpoint(open_context(), name, frame, failed, located)
    shown = set(frame.located_by) | {c.name for c in contract.columns if not c.sensitive}
    if frame.name != "rows":  # counts, sums and reasons: no value of any person
        shown |= frame.columns
    return [_verdict(contract, asking, found[asking.name], shown) for asking in asked]


def _run_checkpoint(
    context: AbstractDataContext,
    name: str,
    frame: GateFrame,
    asked: Sequence[Expectation],
    result_format: Mapping[str, object],
) -> dict[str, dict[str, Any]]:
    """Run one suite over one frame; GX's results by the expectation's name."""
    import great_expectations as gx
    from great_expectations.expectations.registry import get_expectation_impl

    rows = frame.rows
    source: Any
    if isinstance(rows, pa.Table):
        source, rows = context.data_sources.add_pandas(name), rows.to_pandas()
    else:
        source = context.data_sources.add_spark(name, persist=False)
        _count_rows_once(source.get_execution_engine())
    batch = source.add_dataframe_asset(frame.name).add_batch_definition_whole_dataframe("batch")
    suite = context.suites.add(gx.ExpectationSuite(name=name))
    for expectation in asked:
        implementation = get_expectation_impl(expectation.type)
        suite.add_expectation(
            implementation(
                **expectation.kwargs,
                severity=SEVERITIES[expectation.severity],
                meta={"name": expectation.name},
            )
        )
    validation = context.validation_definitions.add(
        gx.ValidationDefinition(name=name, data=batch, suite=suite)
    )
    gx_checkpoint = context.checkpoints.add(
        gx.Checkpoint(
            name=name, validation_definitions=[validation], result_format={**result_format}
        )
    )
    run = gx_checkpoint.run(batch_parameters={"dataframe": rows})
    results = [r.to_json_dict() for v in run.run_results.values() for r in v.results]
    if isinstance(frame.rows, DataFrame) and any(map(_raised, results)):
        # GX makes a verdict of any error. That Spark was lost is none, and this says so.
        frame.rows.sparkSession.range(1).collect()
    return {result["expectation_config"]["meta"]["name"]: result for result in results}


def _count_rows_once(engine: Any) -> None:
    """Have the number of a frame's rows stand for all expectations that leave none of them out.

    Great Expectations asks Spark for it again for each expectation of several columns.
    """
    resolve = engine.resolve_metrics

    def resolve_metrics(
        metrics_to_resolve: Iterable[Any], metrics: Mapping[Any, Any], *others: Any, **named: Any
    ) -> dict[Any, Any]:
        asked = [*metrics_to_resolve]
        rows = {metric: value for (metric, *_), value in metrics.items()}.get(ROWS)
        known = [] if rows is None else [m.id for m in asked if _counts_all_rows(m)]
        asked = [metric for metric in asked if metric.id not in known]
        return {**resolve(asked, metrics, *others, **named), **dict.fromkeys(known, rows)}

    engine.resolve_metrics = resolve_metrics


def _counts_all_rows(metric: Any) -> bool:
    domain = metric.metric_domain_kwargs
    leaves_some_out = domain.get("ignore_row_if") not in ALL or domain.get("row_condition")
    return bool(not leaves_some_out and metric.metric_name.endswith(".filtered_row_count"))


def _verdict(
    contract: Contract, expectation: Expectation, result: dict[str, Any], shown: set[str]
) -> Verdict:
    """What is recorded of one expectation; `failing` holds up to ten located records.

    Values of sensitive columns stay out of it: verdicts are read by more people than the table.
    """
    details = result.get("result") or {}
    observed = details.get("observed_value")
    if observed is None and details.get("unexpected_percent") is not None:
        observed = f"{details['unexpected_percent']:.4g} % unexpected"
    located = details.get("partial_unexpected_index_list") or []
    failing = [{name: row[name] for name in row if name in shown} for row in located]
    raised = _raised(result)
    return Verdict.on(
        contract,
        expectation,
        success=bool(result["success"]),
        observed=str(raised or ("" if observed is None else observed)),
        unexpected_count=details.get("unexpected_count"),
        failing=failing[:SHOWN_RECORDS],
    )


def _raised(result: Mapping[str, Any]) -> str:
    """What an expectation died of; GX says it once, or for each of its metrics."""
    info = result.get("exception_info") or {}
    parts = [info, *(part for part in info.values() if isinstance(part, dict))]
    return "; ".join(p["exception_message"] for p in parts if p.get("exception_message"))


def open_context() -> AbstractDataContext:
    """A GX context in memory: the contracts are the only configuration."""
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context
