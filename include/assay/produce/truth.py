"""The truth of a run: every event that was sent, with the class that it has to end in.

As JSON lines: `position`, `id` (the columns of the silver key, with | between; a time as
microseconds since the epoch), `class`, `reasons` of a bad one, and `produced_at`, when it was made.
The classes are those of all delivered events taken as one batch into an empty silver table.
`unknown` is an event that the target has not acknowledged: it may be there, and no more than once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb

from assay.generate.recipe import Recipe
from assay.generate.truth import CLASSIFY_SQL
from assay.storage.files import written_whole

# A line that is the header of a CSV file is, as a value of JSON, any text that is none.
IN_JSON = {"record.repeated_header": "record.malformed"}

EVENTS_SQL = """
create or replace temp table told as
select position, id, case
        when certain.position is null then 'unknown'
        when defect is not null then 'quarantined'
        else class end as class,
    coalesce(reasons, []) as reasons,
    strftime(make_timestamp(made_us), '%Y-%m-%dT%H:%M:%S.%fZ') as produced_at
from event
join (select unnest(range(first, last + 1)) as position, made_us from sent) as s using (position)
left join certain using (position)
left join defect using (defect)
left join classified using (position)
order by position
"""


class HandOver(NamedTuple):
    """First and last position of the events made at one time, in microseconds since the epoch."""

    first: int
    last: int
    made_us: int


def write_events(
    connection: duckdb.DuckDBPyConnection,
    recipe: Recipe,
    sent: Sequence[HandOver],
    delivered: Sequence[tuple[int, int]],
    path: Path,
    *,
    as_json: bool,
) -> None:
    """Classify what was delivered, and write a line for everything that was sent."""
    reasons = [
        (number, [IN_JSON.get(each, each) if as_json else each for each in defect.reasons])
        for number, defect in enumerate(recipe.defects)
    ]
    connection.execute("create temp table defect (defect tinyint, reasons varchar[])")
    connection.executemany("insert into defect values (?, ?)", reasons)
    _fill(connection, "sent", ("first", "last", "made_us"), sent)
    _fill(connection, "ranges", ("first", "last"), delivered)
    connection.execute(
        "create temp table certain as"
        " select distinct unnest(range(first, last + 1)) as position from ranges"
    )
    connection.execute("delete from good_record where position not in (from certain)")
    connection.execute(CLASSIFY_SQL)
    connection.execute(EVENTS_SQL)
    with written_whole(path) as temporary:
        place = str(temporary).replace("'", "''")
        connection.execute(f"copy told to '{place}' (format json)")


def count_classes(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Events by class, of those that `write_events` told."""
    counted = connection.execute("select class, count(*) from told group by class order by class")
    return dict(counted.fetchall())


def _fill(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    names: Sequence[str],
    rows: Sequence[tuple[int, ...]],
) -> None:
    import pyarrow as pa

    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    arrow = pa.table(
        {name: pa.array(each, pa.int64()) for name, each in zip(names, columns, strict=True)}
    )
    connection.register(f"{table}_given", arrow)
    connection.execute(f"create temp table {table} as from {table}_given")
    connection.unregister(f"{table}_given")
