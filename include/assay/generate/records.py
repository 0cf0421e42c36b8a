"""The records of a set of trade files, made in DuckDB: from a position to a line of CSV.

All values come from md5 of seed and number, so a record depends on neither threads nor order.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from itertools import accumulate

import duckdb

from assay.generate.defects import COLUMNS, DEFECTS, edited
from assay.generate.options import TradeOptions

MICROSECONDS_PER_DAY = 86_400_000_000

# Which trade stands at a position, and in which version. An update, a late version or a duplicate
# belongs to a trade that was delivered earlier, unless the position drawn for it holds none.
_TRADES = """
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
        else 'trade' end as kind
    from ranked
),
drawn as (
    select *, case when kind in ('update', 'late', 'duplicate') then
        ((md5_number_lower(concat($seed, ':earlier:', position)) >> 1)::bigint
            % greatest(position, 1) * $step + $shift) % $records end as earlier
    from kinds
),
trades as (
    select position,
        case kind
            when 'trade' then rank - $defect_end
            when 'defect' then $trades + rank - $duplicate_end
            when 'extra' then $records + position
            else if(earlier >= $defect_end, earlier - $defect_end, earlier % $trades) end as trade,
        if(kind in ('update', 'late'), position + 1, 0) as version,
        if(kind = 'defect', (rank - $duplicate_end) % $defect_classes, null)::tinyint as defect,
        case kind when 'update' then 3 when 'late' then 0 else 1 end as quarter
    from drawn
)
"""

# Numbers a and b are the same for every version of a trade, c and d are those of the version.
_NUMBERS = """
numbers as (
    select *,
        (md5_number_lower(concat($seed, ':a:', trade)) >> 1)::bigint as a,
        (md5_number_lower(concat($seed, ':b:', trade)) >> 1)::bigint as b,
        (md5_number_lower(concat($seed, ':c:', trade, ':', version)) >> 1)::bigint as c,
        (md5_number_lower(concat($seed, ':d:', trade, ':', version)) >> 1)::bigint as d
    from trades
)
"""

# The silver values, as text (see truth.py); a plain trade was updated in the second and third
# quarter of the time, an update in the fourth, a late version in the first. Customers do not
# depend on the seed: another set of trades is of the same customers.
_SILVER = """
silver as (
    select position, trade, defect,
        if(defect is null, d % 300, null) as oddity,
        1000000 + c % 5000001 as from_cents,
        1000000 + d % 5000001 as to_cents,
        $start + b % $span as created_us,
        $start + c % $span as transaction_us,
        $start + $span // 4 * quarter + d % ($span // if(quarter = 1, 2, 4)) as updated_us,
        md5(concat($seed, ':trade:', trade))::uuid::text as tradeid,
        md5(concat('customer:', a % $customers))::uuid::text as customerid,
        ['USD', 'EUR', 'GBP', 'JPY', 'CAD'][1 + b % 5] as from_currency,
        ['INR', 'CHF', 'AUD', 'NZD', 'ZAR'][1 + b // 5 % 5] as to_currency,
        format('{}.{:02d}', from_cents // 100, from_cents % 100) as from_cost,
        format('{}.{:02d}', to_cents // 100, to_cents % 100) as to_cost,
        format('{}.{:02d}', 40 + c // 7 % 60, c // 420 % 100) as from_pip,
        if(oddity = 2, null, format('{}.{:02d}', 40 + d // 7 % 60, d // 420 % 100)) as to_pip,
        ['COMPLETED', 'FAILED', 'PENDING'][1 + d // 100000 % 3] as transaction_status,
        concat($names[1 + a // 3 % len($names)], a // 60 % 100) as creator,
        case oddity when 1 then concat('Desk "', creator, '", London', chr(10), 'Floor 2')
            when 2 then null else creator end as created_by,
        concat($names[1 + c // 3 % len($names)], c // 60 % 100) as updated_by,
        format('GB{:02d}MIDL{:014d}', 10 + a % 89, a % 100000000000000) as from_deposited_account,
        format('GB{:02d}NWBK{:014d}', 10 + b % 89, b % 100000000000000) as to_debited_account
    from numbers
)
"""

# As delivered: harmless oddities in few good records (quotes, blanks, lower case, nothing at all).
_DELIVERED = """
delivered as (
    select * replace (
        if(oddity = 0, concat(' ', lower(from_currency), '  '), from_currency) as from_currency,
        if(oddity = 0, concat(lower(to_currency), ' '), to_currency) as to_currency,
        if(oddity = 0, concat(' ', lower(transaction_status)), transaction_status)
            as transaction_status,
        if(oddity = 0, concat('  ', updated_by, ' '), updated_by) as updated_by,
        case oddity when 1 then concat('"', replace(created_by, '"', '""'), '"')
            when 2 then '  ' else created_by end as created_by,
        coalesce(to_pip, '') as to_pip),
        row_hash,
        strftime(make_timestamp(transaction_us), '%Y-%m-%dT%H:%M:%S.%f') as transaction_date,
        strftime(make_timestamp(created_us), '%Y-%m-%dT%H:%M:%S.%f') as created_on,
        strftime(make_timestamp(updated_us), '%Y-%m-%dT%H:%M:%S.%f') as updated_on
    from hashed
)
"""

_ROW_HASH = """
hashed as (
    select *, if(defect is null, sha256(concat_ws(chr(31),
        tradeid, customerid, from_currency, to_currency, from_cost, to_cost,
        concat(from_pip, '00'), coalesce(to_pip || '00', chr(30)), transaction_us,
        transaction_status, coalesce(created_by, chr(30)), created_us, updated_by, updated_us,
        from_deposited_account, to_debited_account)), null) as row_hash
    from silver
)
"""

_LINES = """
lines as (
    select position, trade, defect, updated_us, row_hash, from_cents, to_cents,
        concat_ws(',', <columns>) as line
    from delivered
)
"""

_RECORDS = """
select position, trade, defect, updated_us, row_hash, from_cents, to_cents, <line> as line
from lines
"""

NAMES = [
    "ashah",
    "bgreen",
    "cmoreau",
    "dkim",
    "eokafor",
    "fweber",
    "gsilva",
    "hnovak",
    "ijones",
    "jpatel",
]


def records_sql() -> str:
    """The query of the records at positions $first to $last, one column each of text and truth."""
    lines = _LINES.replace("<columns>", ", ".join(edited(column) for column in COLUMNS))
    parts = [_TRADES, _NUMBERS, _SILVER, _ROW_HASH, _DELIVERED, lines]
    return "with" + ",".join(parts) + _RECORDS.replace("<line>", edited("line"))


def make_records(
    connection: duckdb.DuckDBPyConnection, options: TradeOptions, *, first: int, last: int
) -> None:
    """Fill the temporary table `record`; positions past the last record give further trades."""
    kinds = ("update", "late", "duplicate", "defect")
    ends = accumulate(options.special[kind] for kind in kinds)
    midnight = datetime.combine(options.start, time(), UTC)
    parameters = {
        **{f"{kind}_end": end for kind, end in zip(kinds, ends, strict=True)},
        "first": first,
        "last": last,
        "records": options.records,
        "trades": options.trades,
        "step": options.step,
        "shift": options.shift,
        "seed": options.seed,
        "defect_classes": len(DEFECTS),
        "customers": options.customers,
        "start": int(midnight.timestamp()) * 1_000_000,
        "span": options.days * MICROSECONDS_PER_DAY,
        "names": NAMES,
    }
    connection.execute("create or replace temp table record as " + records_sql(), parameters)
