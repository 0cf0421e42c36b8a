"""What a stream is called, and which streams a pipeline has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from assay.contracts.pipelines import find_pipeline, pipelines_started_by
from assay.errors import SettingsError
from assay.ledger.streams import StreamSource
from assay.settings import Settings
from assay.storage.addresses import Place

SOURCES: tuple[StreamSource, ...] = ("files", "kafka")


@dataclass(frozen=True)
class Stream:
    """One dataset by one source."""

    dataset: str
    source: StreamSource

    @property
    def name(self) -> str:
        return f"{self.dataset}.{self.source}"

    @property
    def bronze(self) -> Contract:
        return load_contract("bronze", self.dataset)

    @property
    def silver(self) -> Contract:
        return load_contract("silver", self.dataset)

    def folder(self, settings: Settings) -> Path:
        """Where the stream keeps what outlives it on this machine."""
        return settings.home / "streams" / self.name

    def slices(self, settings: Settings) -> Place:
        """Where its slice files are, of a source that has no files of its own."""
        return settings.accepted / "streams" / self.name


def streams_of(settings: Settings, pipeline: str) -> list[Stream]:
    """The streams of a pipeline: of each dataset that is served, by files, and by its topics where
    there is a broker.

    Raises SettingsError when none of its datasets can be streamed, or others take their files.
    """
    datasets = find_pipeline(pipeline).datasets
    if not can_stream(pipeline):
        raise SettingsError(
            f"{pipeline}: it takes no files of a dataset that has `serving` in its contract, so a"
            " stream has nothing to take, or no table to fill"
        )
    return [
        Stream(dataset, source)
        for dataset in datasets
        if load_contract("silver", dataset).serving
        for source in SOURCES
        if source == "files" or (settings.uses_kafka and topics_of(dataset))
    ]


def dag_of(pipeline: str) -> str:
    """The DAG that keeps the streams of a pipeline running."""
    return f"{pipeline}_stream"


def can_stream(pipeline: str) -> bool:
    """Whether a pipeline takes files of a dataset whose rows are served."""
    return any(
        each.name == pipeline and any(load_contract("silver", d).serving for d in each.datasets)
        for each in pipelines_started_by("files")
    )


def topics_of(dataset: str) -> tuple[str, ...]:
    """The topics of a dataset; none when its contract names none."""
    source = load_contract("bronze", dataset).source
    return source.stream.topics if source and source.stream else ()
