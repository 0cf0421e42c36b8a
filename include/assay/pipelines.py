"""Pipelines: which datasets each carries, what starts it and whose it is.

These are the pipelines as they are configured now. What a past batch contained is in its plan and
in the ledger.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from assay.contract import dataset_names
from assay.errors import SettingsError
from assay.facts import Facts, nearest, read_facts, refuse, unknown_keys
from assay.settings import PIPELINES, outside_contracts

Trigger = Literal["files", "releases"]
CRON_FIELDS = 5


@dataclass(frozen=True)
class Pipeline:
    """One DAG. Only a pipeline of files has a schedule; releases come when they come."""

    name: str
    trigger: Trigger
    datasets: tuple[str, ...]
    owner: str
    schedule: str | None = None
    tags: tuple[str, ...] = ()


KEYS = [each.name for each in fields(Pipeline) if each.name != "name"]
REQUIRED = [each.name for each in fields(Pipeline)[1:] if each.default is MISSING]


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

    Raises ContractError, naming file, pipeline and key, with every fault at once.
    """
    pipelines: dict[str, Pipeline] = {}
    for path in paths:
        facts = read_facts(path)
        faults = (f"{name}: {f}" for name, each in facts.items() for f in _faults(each, datasets))
        refuse(path, faults)
        refuse(path, (f"{name}: is in {paths[0]} as well" for name in facts if name in pipelines))
        pipelines |= {name: _pipeline(name, **each) for name, each in facts.items()}
    refuse(paths[-1], _faults_between(pipelines.values()))
    return pipelines


def _pipeline(name: str, **facts: object) -> Pipeline:
    lists = {key: tuple(value) for key, value in facts.items() if isinstance(value, list)}
    return Pipeline(name=name, **{**facts, **lists})  # type: ignore[arg-type]


def _faults(facts: object, datasets: Collection[str]) -> Iterator[str]:
    if not isinstance(facts, dict):
        yield f"is not a mapping of {', '.join(KEYS)}"
        return
    yield from unknown_keys(facts, KEYS)
    yield from (f"{key} is missing" for key in REQUIRED if key not in facts)
    trigger = facts.get("trigger")
    if "trigger" in facts and trigger not in get_args(Trigger):
        yield f"trigger: {trigger!r}{nearest(str(trigger), get_args(Trigger))}"
    if "owner" in facts and not _is_text(facts["owner"]):
        yield f"owner: {facts['owner']!r} is no name"
    yield from _list_faults(facts)
    yield from _schedule_faults(facts)
    named = facts.get("datasets")
    for dataset in named if isinstance(named, list) else []:
        if dataset not in datasets:
            yield f"datasets: {dataset} has no contract{nearest(str(dataset), datasets)}"


def _list_faults(facts: Facts) -> Iterator[str]:
    for key in ("datasets", "tags"):
        names = facts.get(key, [])
        if not (isinstance(names, list) and all(map(_is_text, names))):
            yield f"{key}: {names!r} is no list of names"
        elif len(set(names)) < len(names):
            yield f"{key}: a name is given twice"
    if facts.get("datasets") == []:
        yield "datasets: a pipeline carries one at least"


def _schedule_faults(facts: Facts) -> Iterator[str]:
    schedule, trigger = facts.get("schedule"), facts.get("trigger")
    if trigger == "files" and len(str(schedule).split()) != CRON_FIELDS:
        yield f"schedule: {schedule!r} is not five fields of cron, such as '0 4 * * *'"
    if trigger == "releases" and schedule is not None:
        yield "schedule: releases start this pipeline, not a clock"


def _faults_between(pipelines: Collection[Pipeline]) -> Iterator[str]:
    carriers: dict[str, str] = {}
    for pipeline in pipelines:
        if pipeline.trigger == "files":
            for dataset in pipeline.datasets:
                first = carriers.setdefault(dataset, pipeline.name)
                if first != pipeline.name:
                    yield f"{pipeline.name}: datasets: {first} carries {dataset} already"
    for pipeline in pipelines:
        for dataset in pipeline.datasets:
            if dataset not in carriers:
                yield f"{pipeline.name}: datasets: no pipeline takes files of {dataset}"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
