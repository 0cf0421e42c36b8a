"""The events of a run, made ahead of their time by the generator of the dataset, a second each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import duckdb

from assay.errors import SettingsError
from assay.generate.options import SetOptions
from assay.generate.recipe import Layout, Recipe
from assay.generate.records import make_records
from assay.generate.truth import collect_good_records

AHEAD = 3  # seconds of events, which are ready when a target was away
STREAMED = ("csv", "jsonl")


@dataclass(frozen=True)
class Piece:
    """Events one after the other, in one layout: `first` is the position of the first of them."""

    layout: Layout
    first: int
    ids: list[str]
    lines: list[str]

    def part(self, start: int, end: int) -> Piece:
        """The events from `start` up to before `end` of this piece."""
        return Piece(self.layout, self.first + start, self.ids[start:end], self.lines[start:end])


def layout_for(recipe: Recipe, options: SetOptions, number: int, *, as_json: bool) -> Layout:
    """How the events of second `number` are written: a record is a line of CSV, or of JSON.

    Raises SettingsError when the dataset has no such layout.
    """
    layout = recipe.layout_of(options, number)
    if layout.form not in STREAMED:
        layout = next((each for each in recipe.layouts if each.form in STREAMED), layout)
    if layout.form not in STREAMED:
        raise SettingsError(f"{recipe.dataset}: no layout of lines, which events have to be")
    return replace(layout, form="jsonl") if as_json else layout


def make_ahead(
    connection: duckdb.DuckDBPyConnection, recipe: Recipe, options: SetOptions, *, as_json: bool
) -> Iterator[Piece]:
    """All events, in order. What the truth needs of them is left in the database meanwhile."""
    connection.execute(
        "create table event (position bigint, id varchar, defect tinyint, layout varchar)"
    )

    def make(number: int) -> Piece:
        layout = layout_for(recipe, options, number, as_json=as_json)
        positions = range((number - 1) * options.rows, number * options.rows)
        with connection.cursor() as cursor:
            make_records(cursor, recipe, layout, options, positions, with_ids=True)
            collect_good_records(cursor, recipe)
            cursor.execute(
                "insert into event select position, id, defect, $layout from record",
                {"layout": layout.name},
            )
            rows = cursor.execute("select id, line from record order by position").fetchall()
        return Piece(layout, positions.start, [i for i, _ in rows], [line for _, line in rows])

    waiting: deque[Future[Piece]] = deque()
    with ThreadPoolExecutor(1) as pool:
        try:
            for number in range(1, options.files + 1):
                waiting.append(pool.submit(make, number))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
