"""Sample files of any format, read as acceptance would take them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path, PurePath

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from assay.contracts.columns import Column
from assay.contracts.delivery import Source
from assay.contracts.dialect import Dialect, Encoding
from assay.contracts.model import Contract
from assay.errors import FileRejectedError, SampleError
from assay.intake.csv_files import LONGEST_FIELD, csv_rules, reading_encoding
from assay.intake.parquet_files import READABLE
from assay.intake.records import FORMATS, inspect_file
from assay.intake.survey import open_content
from assay.profile.given import Given
from assay.profile.sample import TABLE, Sample, drop_outer_names, insert, slot_of
from assay.profile.sniff import first_record, sniff_dialect
from assay.verify.records import read_records

MOST_RECORDS = 1_000_000
CHUNK = 16_384


def read_sample(paths: Sequence[Path], given: Given) -> Sample:
    """Read files of one feed. Raises SampleError, naming the file, for one that is refused."""
    kinds = {path: _format_of(path) for path in paths}
    dialects = {p: sniff_dialect(p, given) for p, kind in kinds.items() if kind == "csv"}
    sample = Sample(
        database=duckdb.connect(config={"threads": 2}),
        patterns=tuple(dict.fromkeys(f"*{_suffix(path)}" for path in paths)),
        names=tuple(path.name for path in paths),
        dialect=_one_dialect(dialects),
        is_csv={*kinds.values()} == {"csv"},
        has_parquet="parquet" in kinds.values(),
    )
    sample.database.execute(f"CREATE TABLE {TABLE} (record BIGINT)")
    for path in paths:
        _add_file(sample, path, kinds[path])
    drop_outer_names(sample)
    if not sample.records:
        raise SampleError(f"{', '.join(sample.names)}: no record to learn from")
    return sample


def _format_of(path: Path) -> str:
    suffix = PurePath(path.name.casefold().removesuffix(".gz")).suffix
    if suffix not in FORMATS:
        raise SampleError(f"{path}: its format is told by its suffix, one of {', '.join(FORMATS)}")
    if not path.is_file():
        raise SampleError(f"{path}: no such file")
    return FORMATS[suffix]


def _suffix(path: Path) -> str:
    name = path.name.casefold()
    packed = ".gz" if name.endswith(".gz") else ""
    return PurePath(name.removesuffix(packed)).suffix + packed


def _one_dialect(dialects: dict[Path, Dialect]) -> Dialect:
    """That of all files. A file of ASCII alone is in any encoding that another one needs."""
    if not dialects:
        return Dialect()
    strictest: tuple[Encoding, ...] = ("latin-1", "cp1252", "utf-16", "utf-8-sig", "utf-8")
    encoding = min((d.encoding for d in dialects.values()), key=strictest.index)
    (first, found), *others = dialects.items()
    for path, other in others:
        if replace(other, encoding=found.encoding) != found:
            raise SampleError(
                f"{path}: is written otherwise than {first}: {other} and {found}; a dataset has one"
                " dialect: make two datasets, or say it by --delimiter, --quote and --header"
            )
    return replace(found, encoding=encoding)


def provisional(
    name: str, dialect: Dialect, patterns: Sequence[str], headers: Sequence[str] = ()
) -> Contract:
    """A bronze contract that asks for nothing, for readers that need one."""
    return Contract(
        table=f"bronze.{name}",
        owner="",
        description="",
        grain="",
        columns=tuple(Column(f"c{at}", header=header) for at, header in enumerate(headers)),
        expectations=(),
        path=Path(name),
        version="",
        source=Source(system="", patterns=tuple(patterns), dialect=dialect),
    )


def _add_file(sample: Sample, path: Path, kind: str) -> None:
    dialect = sample.dialect
    numbered = [] if dialect.header or kind != "csv" else first_record(path, dialect)
    headers = [f"column_{at}" for at, _ in enumerate(numbered, start=1)]
    try:
        found = inspect_file(path, provisional("sample", dialect, sample.patterns, headers))
    except FileRejectedError as error:
        raise SampleError(f"{path}: it would be rejected: {error}") from error
    types = dict(zip(*_schema(path), strict=True)) if kind == "parquet" else {}
    names = [name for name in found.header if _is_single(name, types, sample)]
    slots = [slot_of(sample, name, types.get(name)) for name in names]
    if kind == "csv":
        batches = _csv_batches(sample, path, len(found.header))
    else:
        batches = read_records(path, provisional("sample", dialect, sample.patterns, names))
    for batch in batches:
        insert(sample, batch, slots)
        if sample.records >= MOST_RECORDS:
            sample.is_cut = True
            return


def _schema(path: Path) -> tuple[list[str], list[pa.DataType]]:
    schema = pq.read_schema(path)
    return list(schema.names), list(schema.types)


def _is_single(name: str, types: dict[str, pa.DataType], sample: Sample) -> bool:
    kind = types.get(name)
    if kind is None or any(is_kind(kind) for is_kind in READABLE):
        return True
    sample.left_out.append(f"{name} is {kind}, not a single value: kept as an unknown column")
    return False


def _csv_batches(sample: Sample, path: Path, width: int) -> Iterator[pa.RecordBatch]:
    """Records that have as many fields as the header; the others are counted."""
    csv.field_size_limit(LONGEST_FIELD)
    dialect = sample.dialect
    with (
        open_content(path) as content,
        io.TextIOWrapper(content, reading_encoding(dialect), newline="") as text,
    ):
        records = filter(None, csv.reader(text, csv_rules(dialect)))
        if dialect.header:
            next(records)
        while chunk := [*islice(records, CHUNK)]:
            rows = [row for row in chunk if len(row) == width]
            sample.malformed += len(chunk) - len(rows)
            if rows:
                arrays = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, names=[f"c{at}" for at in range(width)])
