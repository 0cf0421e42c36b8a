"""Files that cannot be taken: an unclosed quote, another encoding, a gzip that stops half-way."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable
from dataclasses import dataclass

import duckdb

from assay.generate.layouts import write_layout
from assay.generate.options import SetOptions
from assay.generate.recipe import SUFFIXES, Layout, Recipe
from assay.generate.records import make_records
from assay.generate.truth import RejectedFile

RECORDS_PER_DAMAGED_FILE = 20


def leave_quote_open(content: bytes) -> bytes:
    """Open a quote in the middle record that nothing closes: it would swallow the rest."""
    lines = content.decode().splitlines()
    middle = len(lines) // 2
    lines[middle] = ",".join([*lines[middle].split(",")[:-1], '"open'])
    return ("\n".join(lines) + "\n").encode()


def encode_latin1(content: bytes) -> bytes:
    """End every record but the first with a letter whose Latin-1 byte is no UTF-8."""
    first, *records = content.decode().splitlines()
    return "\n".join([first, *(f"{record}\u00eb" for record in records), ""]).encode("latin-1")


def cut_gzip(content: bytes) -> bytes:
    """The first half of a good gzip file."""
    return cut_half(gzip.compress(content, mtime=0))


def cut_half(content: bytes) -> bytes:
    """The first half: an array without its end, or Parquet without its footer."""
    return content[: len(content) // 2]


@dataclass(frozen=True)
class Damage:
    """A way to spoil the content of a good file of one of these forms."""

    forms: tuple[str, ...]
    spoil: Callable[[bytes], bytes]
    suffix: str = ""


DAMAGES = {
    "unclosed_quote": Damage(("csv",), leave_quote_open),
    "latin1": Damage(("csv", "jsonl"), encode_latin1),
    "truncated_gzip": Damage(("csv", "jsonl"), cut_gzip, ".gz"),
    "unclosed_array": Damage(("array",), cut_half),
    "truncated_parquet": Damage(("parquet",), cut_half),
}


def write_damaged(
    connection: duckdb.DuckDBPyConnection, recipe: Recipe, options: SetOptions
) -> tuple[RejectedFile, ...]:
    """One file of further records for each kind of damage that the dataset's layouts allow."""
    rejected: list[RejectedFile] = []
    for name, damage in DAMAGES.items():
        layout = next((each for each in recipe.layouts if each.form in damage.forms), None)
        if layout is None:
            continue
        first = options.records + len(rejected) * RECORDS_PER_DAMAGED_FILE
        positions = range(first, first + RECORDS_PER_DAMAGED_FILE)
        content = _content_of(connection, recipe, layout, options, positions)
        file_name = (
            f"{layout.prefix}_{options.start}_s{options.seed}_damaged_{name}"
            f"{SUFFIXES[layout.form]}{damage.suffix}"
        )
        temporary = options.out / f".{file_name}.{os.getpid()}.tmp"
        temporary.write_bytes(damage.spoil(content))
        temporary.replace(options.out / file_name)
        rejected.append(RejectedFile(name=file_name, damage=name))
    return tuple(rejected)


def _content_of(
    connection: duckdb.DuckDBPyConnection,
    recipe: Recipe,
    layout: Layout,
    options: SetOptions,
    positions: range,
) -> bytes:
    make_records(connection, recipe, layout, options, positions)
    file = io.BytesIO()
    write_layout(layout, file, [connection])
    return file.getvalue()
