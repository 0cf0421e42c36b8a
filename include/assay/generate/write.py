"""Writes a set of files into a landing folder, each whole or not at all, and the truth of it."""

from __future__ import annotations

import gzip
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import duckdb

from assay.generate.damage import write_damaged
from assay.generate.layouts import write_layout
from assay.generate.options import SetOptions
from assay.generate.recipe import Recipe
from assay.generate.recipes import recipe_of
from assay.generate.records import make_records
from assay.generate.truth import (
    FileTruth,
    Truth,
    collect_good_records,
    conclude,
    create_good_records,
    write_truth,
)
from assay.storage.files import sync_folder

RECORDS_PER_QUERY = 20_000
MEMORY = "600MB"
MOST_THREADS = 4  # each holds the records of one query and their text

Progress = Callable[[int, int], None]


def generate(
    dataset: str,
    options: SetOptions,
    *,
    progress: Progress | None = None,
    threads: int | None = None,
) -> Truth:
    """Write the files and the truth file. `progress` is told (files done, files in all).

    The bytes do not depend on `threads`, which is one per processor, up to four, when not given.
    Raises SettingsError, naming the option, when the dataset cannot be made with these options.
    """
    recipe = recipe_of(dataset)
    recipe.check(options)
    options.out.mkdir(parents=True, exist_ok=True)
    with open_database() as connection:
        create_good_records(connection, recipe)
        files = _write_files(connection, recipe, options, progress, threads or _usual_threads())
        rejected = write_damaged(connection, recipe, options) if options.damaged else ()
        sync_folder(options.out)
        truth = conclude(connection, recipe, options, files, rejected)
    write_truth(truth)
    return truth


def remake_first(truth: Truth, files: int, out: Path) -> Truth:
    """The truth of the first files of a set, taken as one batch: made by making them again."""
    recipe = recipe_of(truth.dataset)
    out.mkdir(parents=True, exist_ok=True)
    with open_database() as connection:
        create_good_records(connection, recipe)
        made = tuple(
            _write_file(connection, recipe, truth.options, number, out)
            for number in range(1, files + 1)
        )
        return conclude(connection, recipe, truth.options, made, ())


def _usual_threads() -> int:
    return min(os.cpu_count() or 1, MOST_THREADS)


@contextmanager
def open_database() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory that spills to a temporary folder, not to the current one."""
    with (
        tempfile.TemporaryDirectory(prefix="assay-generate-") as spill,
        duckdb.connect(
            config={"memory_limit": MEMORY, "temp_directory": spill, "threads": 2}
        ) as connection,
    ):
        yield connection


def _write_files(
    connection: duckdb.DuckDBPyConnection,
    recipe: Recipe,
    options: SetOptions,
    progress: Progress | None,
    threads: int,
) -> tuple[FileTruth, ...]:
    with ThreadPoolExecutor(threads) as pool:
        tasks = [
            pool.submit(_write_file, connection, recipe, options, number, options.out)
            for number in range(1, options.files + 1)
        ]
        try:
            for done, task in enumerate(as_completed(tasks), start=1):
                task.result()
                if progress:
                    progress(done, options.files)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return tuple(task.result() for task in tasks)


def _write_file(
    connection: duckdb.DuckDBPyConnection,
    recipe: Recipe,
    options: SetOptions,
    number: int,
    out: Path,
) -> FileTruth:
    """Write file `number` and put its good records into the table of the truth."""
    layout = recipe.layout_of(options, number)
    path = out / layout.file_name(options, number)
    end = number * options.rows
    defects: Counter[int] = Counter()
    with connection.cursor() as cursor, _open_whole(path) as file:

        def pieces() -> Iterator[duckdb.DuckDBPyConnection]:
            for first in range(end - options.rows, end, RECORDS_PER_QUERY):
                positions = range(first, min(end, first + RECORDS_PER_QUERY))
                make_records(cursor, recipe, layout, options, positions)
                collect_good_records(cursor, recipe)
                defects.update(_count_defects(cursor))
                yield cursor

        write_layout(layout, file, pieces())
    quarantined = defects.total()
    return FileTruth(
        name=path.name,
        records=options.rows,
        good=options.rows - quarantined,
        quarantined=quarantined,
        reasons=_count_reasons(recipe, defects),
    )


def _count_defects(cursor: duckdb.DuckDBPyConnection) -> dict[int, int]:
    counted = cursor.execute(
        "select defect, count(*) from record where defect is not null group by defect"
    )
    return dict(counted.fetchall())


def _count_reasons(recipe: Recipe, defects: Counter[int]) -> dict[str, int]:
    reasons: Counter[str] = Counter()
    for defect, records in defects.items():
        reasons.update(dict.fromkeys(recipe.defects[defect].reasons, records))
    return dict(sorted(reasons.items()))


@contextmanager
def _open_whole(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """Open a file that appears under its name only when all of it is written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as raw:
            if path.suffix == ".gz":
                with gzip.GzipFile("", "wb", compresslevel=5, fileobj=raw, mtime=0) as file:
                    yield file
            else:
                yield raw
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
