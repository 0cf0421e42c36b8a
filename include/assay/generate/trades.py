"""Writes trade files into a landing folder, each whole or not at all, and their truth beside it."""

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

from assay.files import sync_folder
from assay.generate.damage import DAMAGES
from assay.generate.defects import DEFECTS, HEADER
from assay.generate.options import TradeOptions
from assay.generate.records import make_records
from assay.generate.truth import (
    FileTruth,
    RejectedFile,
    Truth,
    conclude,
    create_good_records,
    write_truth,
)

RECORDS_PER_QUERY = 20_000
RECORDS_PER_DAMAGED_FILE = 20
MEMORY = "600MB"
MOST_THREADS = 4  # each holds the records of one query and their text

Progress = Callable[[int, int], None]


def generate_trades(
    options: TradeOptions, *, progress: Progress | None = None, threads: int | None = None
) -> Truth:
    """Write the files and the truth file. `progress` is told (files done, files in all).

    The bytes do not depend on `threads`, which is one per processor, up to four, when not given.
    Raises SettingsError, naming the option, when the options contradict each other.
    """
    options.out.mkdir(parents=True, exist_ok=True)
    with _database() as connection:
        create_good_records(connection)
        files = _write_files(connection, options, progress, threads or _usual_threads())
        rejected = _write_damaged(connection, options) if options.damaged else ()
        sync_folder(options.out)
        truth = conclude(connection, options, files, rejected)
    write_truth(truth)
    return truth


def _usual_threads() -> int:
    return min(os.cpu_count() or 1, MOST_THREADS)


@contextmanager
def _database() -> Iterator[duckdb.DuckDBPyConnection]:
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
    options: TradeOptions,
    progress: Progress | None,
    threads: int,
) -> tuple[FileTruth, ...]:
    numbers = range(1, options.files + 1)
    with ThreadPoolExecutor(threads) as pool:
        tasks = [pool.submit(_write_file, connection, options, number) for number in numbers]
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
    connection: duckdb.DuckDBPyConnection, options: TradeOptions, number: int
) -> FileTruth:
    """Write file `number` and put its good records into the table of the truth."""
    defects: Counter[int] = Counter()
    end = number * options.rows
    path = options.out / options.file_name(number)
    with connection.cursor() as cursor, _open_whole(path) as file:
        file.write(f"{HEADER}\n".encode())
        for first in range(end - options.rows, end, RECORDS_PER_QUERY):
            make_records(cursor, options, first=first, last=min(end, first + RECORDS_PER_QUERY))
            file.write(_lines(cursor))
            cursor.execute(
                "insert into good_record select trade, updated_us, unhex(row_hash), from_cents,"
                " to_cents from record where defect is null"
            )
            counted = cursor.execute(
                "select defect, count(*) from record where defect is not null group by defect"
            )
            defects.update(dict(counted.fetchall()))
    quarantined = defects.total()
    return FileTruth(
        name=path.name,
        records=options.rows,
        good=options.rows - quarantined,
        quarantined=quarantined,
        reasons=_count_reasons(defects),
    )


def _lines(cursor: duckdb.DuckDBPyConnection) -> bytes:
    rows = cursor.execute("select line from record order by position").fetchall()
    return "".join(f"{line}\n" for (line,) in rows).encode()


def _count_reasons(defects: Counter[int]) -> dict[str, int]:
    reasons: Counter[str] = Counter()
    for defect, records in defects.items():
        reasons.update(dict.fromkeys(DEFECTS[defect].reasons, records))
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


def _write_damaged(
    connection: duckdb.DuckDBPyConnection, options: TradeOptions
) -> tuple[RejectedFile, ...]:
    """One file of further trades for each kind of damage."""
    rejected = []
    for number, (damage, (suffix, spoil)) in enumerate(DAMAGES.items()):
        first = options.records + number * RECORDS_PER_DAMAGED_FILE
        make_records(connection, options, first=first, last=first + RECORDS_PER_DAMAGED_FILE)
        text = f"{HEADER}\n{_lines(connection).decode()}"
        name = f"trades_{options.start}_s{options.seed}_damaged_{damage}{suffix}"
        temporary = options.out / f".{name}.{os.getpid()}.tmp"
        temporary.write_bytes(spoil(text))
        temporary.replace(options.out / name)
        rejected.append(RejectedFile(name=name, damage=damage))
    return tuple(rejected)
