"""The events. Each is a sentence for people, by `str`, and its fields are facts for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import ClassVar, Literal

from assay.words import count

Level = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Event:
    """Something that happened. A field `batch` or `dataset` says more exactly what it is about."""

    level: ClassVar[Level] = "info"
    spoken: ClassVar[str] = ""  # the field that is the sentence itself

    def facts(self) -> dict[str, object]:
        """The fields, without the one that is the sentence."""
        return {name: value for name, value in asdict(self).items() if name != self.spoken}


@dataclass(frozen=True)
class Progress(Event):
    """How far something is, or what is being waited for; of interest while it goes on."""

    spoken: ClassVar[str] = "text"
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Oddity(Progress):
    """Something that was not expected, and does no harm."""

    level: ClassVar[Level] = "warning"


@dataclass(frozen=True)
class FileLeft(Event):
    """A pending file stays in landing for the next run, or went back there."""

    dataset: str
    source_file: str
    why: str
    was_taken: bool = False

    def __str__(self) -> str:
        if self.was_taken:
            return f"{self.source_file!r} {self.why}: back in landing"
        return f"left {self.source_file!r} in landing/{self.dataset} for the next run: {self.why}"


@dataclass(frozen=True)
class FileRefused(Event):
    """A taken file does not enter the batch: it is a duplicate, or rejected."""

    dataset: str
    source_file: str
    slice_id: str
    verdict: str
    reason: str

    def __str__(self) -> str:
        return f"{self.verdict} {self.source_file!r}: {self.reason}"


@dataclass(frozen=True)
class PlanFrozen(Event):
    """What a batch shall do is decided; `is_new` is false when an earlier attempt decided it."""

    batch: str
    source: str
    files: int
    records: int
    summary: str
    is_new: bool = True

    def __str__(self) -> str:
        return self.summary if self.is_new else f"plan of {self.batch} is frozen: {self.summary}"


@dataclass(frozen=True)
class StageFinished(Event):
    """A Spark job has done a stage; emitted by the job."""

    batch: str
    stage: str
    summary: str
    seconds: float
    queries: int

    def __str__(self) -> str:
        return f"{self.stage} {self.batch}: {self.summary}"


@dataclass(frozen=True)
class Committed(StageFinished):
    """The stage that was done is the commit; `versions` is table → Delta version."""

    versions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ExpectationNotMet(Event):
    """One verdict of a gate that is not a success, explained in `lines`."""

    level: ClassVar[Level] = "warning"
    spoken: ClassVar[str] = "lines"
    table: str
    expectation: str
    verdict: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True)
class GateJudged(Event):
    """A gate has decided on all of its expectations; `page` shows them."""

    layer: str
    expectations: int
    not_met: int
    page: str

    def __str__(self) -> str:
        return f"page: {self.page}"


@dataclass(frozen=True)
class TableStaged(Event):
    """Rows for a table of Postgres are in their staging table."""

    table: str
    rows: int
    seconds: float | None = None

    def __str__(self) -> str:
        took = "" if self.seconds is None else f" in {self.seconds:.1f} s"
        return f"{self.table}: staged {count(self.rows, 'row')}{took}"


@dataclass(frozen=True)
class Released(Event):
    """Readers of Postgres see the batch; `counts` is table → rows, `versions` those of Delta."""

    batch: str
    release_id: int
    seconds: float
    versions: Mapping[str, int]
    counts: Mapping[str, int]

    def __str__(self) -> str:
        return f"{self.batch}: release {self.release_id} in {self.seconds:.1f} s"


@dataclass(frozen=True)
class FilesArchived(Event):
    """What is released has left `accepted`."""

    files: int

    def __str__(self) -> str:
        return f"{count(self.files, 'file')} archived" if self.files else "no file to archive"


@dataclass(frozen=True)
class TableRestored(Event):
    """A table of the lake is what it was at `version`; that is its version `as_version` now."""

    table: str
    version: int
    as_version: int

    def __str__(self) -> str:
        return f"{self.table}: restored to version {self.version}, as version {self.as_version}"


@dataclass(frozen=True)
class RolledBack(Event):
    """A rollback is complete, and the files of what it undid are at `place`."""

    pipeline: str
    to_release: int | None
    batches: tuple[str, ...]
    files: int
    place: str

    def __str__(self) -> str:
        return f"{count(self.files, 'file')} moved to {self.place}"


@dataclass(frozen=True)
class TaskFinished(Event):
    """A task of Airflow has done its work; `metrics` is what the books keep of the attempt."""

    spoken: ClassVar[str] = "summary"
    summary: str
    metrics: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.summary


@dataclass(frozen=True)
class Failed(Event):
    """A task, or a job of it, ends without having done its work."""

    level: ClassVar[Level] = "error"
    spoken: ClassVar[str] = "sentence"
    error: str
    sentence: str

    def __str__(self) -> str:
        return self.sentence
