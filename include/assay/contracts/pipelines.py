"""Pipelines: which datasets each carries, what starts it and whose it is.

These are the pipelines as they are configured now. What a past batch contained is in its plan and
in the ledger.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from assay.contracts.facts import Facts, Fault, Names, Text, nearest
from assay.contracts.folders import dataset_names
from assay.contracts.yaml_file import check, open_yaml
from assay.errors import SettingsError
from assay.settings import PIPELINES, outside_contracts

Trigger = Literal["files", "releases"]
CRON_FIELDS = 5


@dataclass(frozen=True, kw_only=True)
class PipelineFacts(Facts):
    """One DAG. Only a pipeline of files has a schedule; releases come when they come."""

    trigger: Annotated[
        Trigger, Field(description="What starts it: a schedule for files, or releases of others.")
    ]
    datasets: Annotated[Names, Field(description="The datasets that it carries.")]
    owner: Annotated[Text, Field(description="Who answers for it.")]
    schedule: Annotated[
        str | None, Field(description="Five fields of cron, in UTC; of a pipeline of files.")
    ] = None
    tags: Annotated[tuple[Text, ...], Field(description="To find it by in Airflow.")] = ()

    def faults(self) -> Iterator[Fault]:
        for key in ("datasets", "tags"):
            if len(set(names := getattr(self, key))) < len(names):
                yield (key,), "a name is given twice"
        if self.trigger == "files" and len((self.schedule or "").split()) != CRON_FIELDS:
            yield ("schedule",), f"{self.schedule!r} is not five fields of cron, as in '0 4 * * *'"
        if self.trigger == "releases" and self.schedule is not None:
            yield ("schedule",), "releases start this pipeline, not a clock"


@dataclass(frozen=True, kw_only=True)
class Pipeline(PipelineFacts):
    """The facts of a DAG, and its name."""

    name: str


PIPELINES_FILE = TypeAdapter(dict[str, PipelineFacts])


@cache
def all_pipelines() -> dict[str, Pipeline]:
    """Every pipeline by name, in the order of `include/pipelines.yaml` and of the files beside."""
    return read_pipelines(pipelines_files(), dataset_names())


def pipelines_files() -> list[Path]:
    """The files that pipelines are in: the repository's, and that of `ASSAY_DATASETS` if it has."""
    outside = outside_contracts()
    beside = outside / PIPELINES.name if outside else PIPELINES
    return [PIPELINES, *([beside] if beside != PIPELINES and beside.is_file() else [])]


def find_pipeline(name: str) -> Pipeline:
    """Raises SettingsError when there is no pipeline of this name."""
    pipelines = all_pipelines()
    if name not in pipelines:
        raise SettingsError(f"{PIPELINES}: no pipeline {name!r}{nearest(name, pipelines)}")
    return pipelines[name]


def pipelines_started_by(trigger: Trigger) -> list[Pipeline]:
    return [each for each in all_pipelines().values() if each.trigger == trigger]


def pipeline_carrying(dataset: str) -> Pipeline:
    """The one pipeline that takes the files of a dataset."""
    for pipeline in pipelines_started_by("files"):
        if dataset in pipeline.datasets:
            return pipeline
    raise SettingsError(f"{PIPELINES}: no pipeline takes files of {dataset!r}")


def read_pipelines(paths: Sequence[Path], datasets: Collection[str]) -> dict[str, Pipeline]:
    """Load the pipelines of these datasets from files.

    Raises ContractError, naming file, line, pipeline and key, with every fault at once.
    """
    told: dict[str, PipelineFacts] = {}
    for path in paths:
        file = open_yaml(path)
        facts = check(file, PIPELINES_FILE)
        file.refuse(((name,), f"is in {paths[0]} as well") for name in facts if name in told)
        file.refuse(_faults_between(told, facts, datasets))
        told |= facts
    return {name: Pipeline(name=name, **vars(each)) for name, each in told.items()}


def _faults_between(
    known: Mapping[str, PipelineFacts],
    pipelines: Mapping[str, PipelineFacts],
    datasets: Collection[str],
) -> Iterator[Fault]:
    """Faults of the pipelines of a file, of which those of files before are known."""
    carriers = {
        dataset: name
        for name, pipeline in known.items()
        if pipeline.trigger == "files"
        for dataset in pipeline.datasets
    }
    for name, pipeline in pipelines.items():
        for number, dataset in enumerate(pipeline.datasets):
            place = (name, "datasets", number)
            if dataset not in datasets:
                yield place, f"{dataset} has no contract{nearest(dataset, datasets)}"
            if pipeline.trigger == "files" and carriers.setdefault(dataset, name) != name:
                yield place, f"{carriers[dataset]} carries {dataset} already"
    for name, pipeline in pipelines.items():
        for number, dataset in enumerate(pipeline.datasets):
            if dataset in datasets and dataset not in carriers:
                yield (name, "datasets", number), f"no pipeline takes files of {dataset}"
