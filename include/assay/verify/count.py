"""The records of a delivered file, counted here and by nothing of the pipeline."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from pathlib import Path
from typing import IO, BinaryIO, cast

import pyarrow.parquet as pq

JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
LONGEST_FIELD = 1 << 30


def count_records(path: Path) -> int:
    """CSV records without the header, JSON records of lines or of one array, or Parquet rows."""
    name = path.name.casefold().removesuffix(".gz")
    if name.endswith(".parquet"):
        with pq.ParquetFile(path) as file:
            return int(file.metadata.num_rows)
    with _open(path) as content:
        if name.endswith(JSON_SUFFIXES):
            return _count_json(content)
        return _count_csv(content) - 1


def _open(path: Path) -> IO[bytes]:
    if path.name.casefold().endswith(".gz"):
        return cast(BinaryIO, gzip.open(path, "rb"))
    return path.open("rb")


def _count_csv(content: IO[bytes]) -> int:
    """A line is a record unless the file has quotes; a blank line is none."""
    data = content.read()
    if b'"' not in data:
        lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        return sum(1 for line in lines if line not in (b"", b"\r"))
    csv.field_size_limit(LONGEST_FIELD)
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="")
    return sum(1 for record in csv.reader(text) if record)


def _count_json(content: IO[bytes]) -> int:
    data = content.read().removeprefix(b"\xef\xbb\xbf")
    if data.lstrip()[:1] == b"[":
        return len(json.loads(data))
    return sum(1 for line in data.split(b"\n") if line.strip())


def hash_file(path: Path) -> str:
    """The sha256 of a file's bytes, which is its identity."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
