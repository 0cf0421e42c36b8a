"""How a dataset is delivered: who sends which files, how they are written, what one may hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Annotated, Literal

from pydantic import Field

from assay.contracts.dialect import Dialect, TextForms
from assay.contracts.facts import Facts, Fault, Names, Text

DIALECT = tuple(each.name for each in fields(Dialect))
Topic = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9._-]{1,249}$",
        json_schema_extra={
            "patternErrorMessage": "is no name of a topic: letters, digits, points, _ and - alone"
        },
    ),
]


@dataclass(frozen=True)
class Limits(Facts):
    """What one file may hold at most; a file above a limit is rejected before it is unpacked.

    `unpacked_bytes` are those of a text that is unpacked, or of a Parquet file's values. A JSON
    array is held in memory as a whole, `array_bytes` of text; `json_values` may stand in it, or in
    one line. Arrays and objects of an array's records are nested `nesting` deep. Spark reads no
    more than the greatest of these three.
    """

    unpacked_bytes: Annotated[
        int, Field(gt=0, description="Bytes of a text once it is unpacked, or of Parquet's values.")
    ] = 10 << 30
    records: Annotated[int, Field(gt=0, description="Records of a file.")] = 50_000_000
    array_bytes: Annotated[int, Field(gt=0, le=64 << 20, description="Bytes of a JSON array.")] = (
        64 << 20
    )
    json_values: Annotated[
        int, Field(gt=0, le=10_000_000, description="Values in a JSON array or in one line.")
    ] = 5_000_000
    nesting: Annotated[
        int, Field(gt=0, le=900, description="Depth of arrays and objects in an array's records.")
    ] = 500


@dataclass(frozen=True, kw_only=True)
class Stream(Facts):
    """Topics of Kafka that bring records of the dataset, each value one of them.

    A value is an object of JSON, whose names are those of any shape of the header, or a record of
    CSV in the dialect of the files and without a header: its fields are the columns in their order.
    """

    topics: Annotated[
        tuple[Topic, ...], Field(min_length=1, description="Topics of Kafka that bring records.")
    ]
    values: Annotated[Literal["json", "csv"], Field(description="How one value is written.")]


@dataclass(frozen=True, kw_only=True)
class Delivery(Facts):
    """Who sends which files; the suffix of a file says its format.

    A file in landing is taken once it has not changed for `settle_seconds`; see `intake.rest`.
    """

    system: Annotated[Text, Field(description="Who sends the files.")]
    patterns: Annotated[Names, Field(description="Names of the files, such as *.csv.")]
    settle_seconds: Annotated[
        float, Field(ge=0, le=3600, description="How long a file rests before it is taken.")
    ] = 5
    limits: Annotated[Limits, Field(description="What one file may hold.")] = Limits()
    stream: Annotated[
        Stream | None, Field(description="Topics of Kafka that bring records too, if any do.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class Source(Delivery):
    """How a dataset is delivered.

    `shapes` are historic spellings of the header: name of the shape → bronze column → header.
    A file is read by the shape that fits it; columns that a shape leaves out keep their own header.
    """

    dialect: Dialect = field(default_factory=Dialect)
    shapes: dict[str, dict[str, str]] = field(default_factory=lambda: {"": {}})


@dataclass(frozen=True, kw_only=True)
class DatasetSource(TextForms, Dialect, Delivery):
    """Who sends the files of a dataset, and how they are written."""

    description: Annotated[str, Field(description="What is delivered; shown in the docs.")]
    shapes: Annotated[
        tuple[str, ...] | None, Field(description="Names of the spellings of the header.")
    ] = None

    def faults(self) -> Iterator[Fault]:
        yield from Dialect.faults(self)
        yield from TextForms.faults(self)
        if self.stream and self.stream.values == "csv" and not self.encoding.startswith("utf-8"):
            yield ("stream", "values"), "values of a topic are read as utf-8, whatever files are in"
        if not self.header and self.shapes is not None:
            yield ("shapes",), "files without a header have their columns by position"
        yield from (((key,), words) for key, words in self._without_effect())

    def _without_effect(self) -> Iterator[tuple[str, str]]:
        """Keys that mean nothing, or would read a typed value as a text of the feed."""
        suffixes = [p.removesuffix(".gz").casefold() for p in self.patterns]
        is_csv = [suffix.endswith(".csv") for suffix in suffixes]
        is_csv += [self.stream.values == "csv"] if self.stream else []
        usual = vars(Dialect()) | vars(TextForms())
        for key in (key for key, value in usual.items() if getattr(self, key) != value):
            if key in DIALECT and not any(is_csv):
                yield key, "no file of the patterns is CSV, so it has no meaning"
            if key in ("decimal", "thousands") and not all(is_csv):
                yield key, "JSON and Parquet have numbers of their own; all patterns must be of CSV"
            if key == "date_formats" and any(s.endswith(".parquet") for s in suffixes):
                yield key, "Parquet has dates of its own; no pattern may be of Parquet"
