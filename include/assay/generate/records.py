"""The records of a set of files, made in DuckDB: from a position to a record as it is delivered.

All values come from md5 of seed and number, so a record depends on neither threads nor order.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from itertools import accumulate

import duckdb

from assay.generate.layouts import line_sql
from assay.generate.options import SetOptions
from assay.generate.recipe import Layout, Recipe

MICROSECONDS_PER_DAY = 86_400_000_000
KEPT = "position, key, defect, version_us, row_hash"
KINDS = ("update", "late", "duplicate", "defect")

# Which subject stands at a position, and in which version. An update, a late version or a duplicate
# belongs to a subject that was delivered earlier, unless the position drawn for it holds none.
_SUBJECTS = """
ranked as (
    select position, (position * $step + $shift) % $records as rank
    from range($first, $last) as t(position)
),
kinds as (
    select *, case
        when position >= $records then 'extra'
        when rank < $update_end then 'update'
        when rank < $late_end then 'late'
        when rank < $duplicate_end then 'duplicate'
        when rank < $defect_end then 'defect'
        else 'plain' end as kind
    from ranked
),
drawn as (
    select *, case when kind in ('update', 'late', 'duplicate') then
        ((md5_number_lower(concat($seed, ':earlier:', position)) >> 1)::bigint
            % greatest(position, 1) * $step + $shift) % $records end as earlier
    from kinds
),
subjects as (
    select position,
        case kind
            when 'plain' then rank - $defect_end
            when 'defect' then $subjects + rank - $duplicate_end
            when 'extra' then $records + position
            else if(earlier >= $defect_end, earlier - $defect_end, earlier % $subjects)
            end as subject,
        if(kind in ('update', 'late'), position + 1, 0) as version,
        if(kind = 'defect', $classes[1 + (rank - $duplicate_end) % len($classes)], null)::tinyint
            as defect,
        case kind when 'update' then 3 when 'late' then 0 else 1 end as quarter
    from drawn
)
"""

# Numbers a and b are the same for every version of a subject, c and d are those of the version;
# so is base_us, some time in the days asked for, while moment_us lies up to an hour after it for
# an update and up to an hour before it for a late version.
_NUMBERS = """
numbers as (
    select *,
        (md5_number_lower(concat($seed, ':a:', subject)) >> 1)::bigint as a,
        (md5_number_lower(concat($seed, ':b:', subject)) >> 1)::bigint as b,
        (md5_number_lower(concat($seed, ':c:', subject, ':', version)) >> 1)::bigint as c,
        (md5_number_lower(concat($seed, ':d:', subject, ':', version)) >> 1)::bigint as d,
        $start + 3600000000 + b % ($span - 7200000000) as base_us,
        base_us + case quarter when 3 then 1 when 0 then -1 else 0 end
            * (1000000 + d % 3599000000) as moment_us
    from subjects
)
"""

# `oddity` picks the few good records, one in 300 for each number, that are delivered in a harmless
# but unusual form.
_SILVER = """
silver as (
    select position, defect, if(defect is null, d % 300, null) as oddity, <silver> from numbers
)
"""

_HASHED = """
hashed as (
    select *, if(defect is null, sha256(concat_ws(chr(31), <row_hash>)), null) as row_hash<id>
    from silver
)
"""

_LINES = """
delivered as (select <delivered> from hashed),
lines as (
    select <kept>, <text> as line from delivered
)
select <kept>, <line> as line from lines
"""


def records_sql(recipe: Recipe, layout: Layout, *, with_ids: bool = False) -> str:
    """The query of the records at positions $first to $last, one column each of text and truth.

    `with_ids` adds the silver key as one text: its columns, as they are hashed, with | between.
    """
    query = "with" + ",".join([_SUBJECTS, _NUMBERS, _SILVER, _HASHED, _LINES])
    parts = {
        "id": f", concat_ws('|', {', '.join(recipe.key_texts)}) as id" if with_ids else "",
        "kept": f"{KEPT}, {recipe.units}{', id' if with_ids else ''}",
        "silver": recipe.silver,
        "row_hash": ", ".join(recipe.row_hash),
        "delivered": recipe.delivered,
        "text": line_sql(recipe, layout),
        "line": recipe.edited(layout, "line"),
    }
    for name, sql in parts.items():
        query = query.replace(f"<{name}>", sql)
    return query


def make_records(
    connection: duckdb.DuckDBPyConnection,
    recipe: Recipe,
    layout: Layout,
    options: SetOptions,
    positions: range,
    *,
    with_ids: bool = False,
) -> None:
    """Fill the temporary table `record`; positions past the last record give further subjects."""
    ends = accumulate(options.special[kind] for kind in KINDS)
    midnight = datetime.combine(options.start, time(), UTC)
    parameters = {
        **{f"{kind}_end": end for kind, end in zip(KINDS, ends, strict=True)},
        "first": positions.start,
        "last": positions.stop,
        "records": options.records,
        "subjects": options.subjects,
        "step": options.step,
        "shift": options.shift,
        "seed": options.seed,
        "classes": recipe.classes(layout),
        "customers": options.customers,
        "start": int(midnight.timestamp()) * 1_000_000,
        "span": options.days * MICROSECONDS_PER_DAY,
        "layout": layout.name,
    }
    sql = "create or replace temp table record as " + records_sql(recipe, layout, with_ids=with_ids)
    used = set(re.findall(r"\$([a-z_]+)", sql))  # DuckDB refuses parameters that are not used
    connection.execute(sql, {name: parameters[name] for name in sorted(used)})
