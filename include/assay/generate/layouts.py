"""Records as text of CSV, JSON lines, one JSON array, or as typed rows of Parquet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import duckdb

from assay.generate.recipe import Layout, Recipe

PLAIN_NUMBER = r"-?\d+(\.\d+)?"


class Sink(Protocol):
    """Where the bytes of a file go."""

    def write(self, data: bytes, /) -> int: ...


def line_sql(recipe: Recipe, layout: Layout) -> str:
    """SQL of one record: its line of text, or for Parquet a struct of typed values."""
    texts = {head: recipe.edited(layout, column) for head, column in layout.fields.items()}
    if layout.form == "csv":
        filled = ", ".join(f"coalesce({text}, '')" for text in texts.values())
        return f"concat_ws(',', {filled})"
    types = {head: recipe.types.get(column, "varchar") for head, column in layout.fields.items()}
    if layout.form == "parquet":
        return f"{{{', '.join(_typed(head, texts[head], types[head]) for head in texts)}}}"
    return _json_object({head: _json_value(texts[head], types[head]) for head in texts})


def _typed(head: str, text: str, kind: str) -> str:
    return f"'{head}': {text if kind == 'varchar' else f'try_cast(trim({text}) as {kind})'}"


def _json_value(text: str, kind: str) -> str:
    """A number is written bare when its text is one; anything else is a JSON string."""
    quoted = f"concat('\"', {text}, '\"')"
    if kind == "varchar":
        return f"if(({text}) is null, null, {quoted})"
    plain = f"regexp_full_match({text}, '{PLAIN_NUMBER}')"
    return f"case when ({text}) is null then null when {plain} then {text} else {quoted} end"


def _json_object(values: dict[str, str]) -> str:
    """SQL of an object; a null value leaves its field out, a dotted name nests it."""
    nested: dict[str, dict[str, str]] = {}
    members = []
    for name, value in values.items():
        outer, dot, inner = name.partition(".")
        if dot:
            nested.setdefault(outer, {})[inner] = value
        else:
            members.append(f"'\"{name}\":' || ({value})")
    members += [f"'\"{name}\":' || {_json_object(inner)}" for name, inner in nested.items()]
    return f"concat('{{', concat_ws(',', {', '.join(members)}), '}}')"


def write_layout(layout: Layout, file: Sink, made: Iterable[duckdb.DuckDBPyConnection]) -> None:
    """Write a whole file; each connection that comes holds the next piece in table `record`."""
    if layout.form == "parquet":
        _write_parquet(file, made)
        return
    opening, between, closing = {
        "csv": (f"{layout.header}\n", "\n", "\n"),
        "jsonl": ("", "\n", "\n"),
        "array": ("[\n", ",\n", "\n]\n"),
    }[layout.form]
    separator = opening
    for connection in made:
        rows = connection.execute("select line from record order by position").fetchall()
        file.write((separator + between.join(line for (line,) in rows)).encode())
        separator = between
    file.write(closing.encode())


def _write_parquet(file: Sink, made: Iterable[duckdb.DuckDBPyConnection]) -> None:
    """One row group of all pieces, so that the bytes do not depend on the size of a piece."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    ordered = "(select line from record order by position)"
    tables = [
        connection.sql(f"select unnest(line) from {ordered}").to_arrow_table()  # noqa: S608
        for connection in made
    ]
    pq.write_table(pa.concat_tables(tables).combine_chunks(), file)
