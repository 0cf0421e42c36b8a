"""DuckDB doing the reads and transforms of the bronze, silver and gold stages, with two threads.

Prints seconds per layer and what was found as JSON. Arguments: path of a plan, output folder.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from assay.batch.plan import read_plan
from assay.contracts.columns import Column
from assay.contracts.load import load_contract
from assay.contracts.model import Contract

THREADS = 2
PLAIN_TIMESTAMP = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.]\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?)?"
# A record that does not fit its header has too few columns, and then nulls at its end, or too many:
# those land in the column `surplus`, which no good record has.
BRONZE = """
COPY (
    SELECT {columns}, surplus, filename AS source_file, row_number() OVER () AS record_number
    FROM read_csv('{file}', header = false, skip = 1, columns = {types}, delim = ',', quote = '"',
                  escape = '"', null_padding = true, strict_mode = false, filename = true,
                  parallel = false, auto_detect = false)
) TO '{out}' (COMPRESSION zstd)
"""
SILVER = """
COPY (
    WITH texts AS (
        SELECT {standardised}, source_file, record_number,
            CASE WHEN surplus IS NOT NULL OR {last} IS NULL THEN 'record.malformed' END AS malformed
        FROM '{out}/bronze/*.parquet'
    ), typed AS (
        SELECT {typed}, source_file, record_number, malformed, {texts} FROM texts
    ), judged AS (
        SELECT *, list_filter([malformed, {reasons}], lambda reason: reason IS NOT NULL) AS reasons,
            sha256(concat_ws(chr(31), {canonical})) AS row_hash
        FROM typed
    )
    SELECT * EXCLUDE ({text_names}), CASE WHEN len(reasons) > 0 THEN 'quarantined'
        WHEN row_number() OVER versions = 1 THEN 'new' ELSE 'old' END AS class
    FROM judged
    WINDOW versions AS (
        PARTITION BY if(len(reasons) = 0, concat_ws(chr(31), {keys}),
                        concat(source_file, ':', record_number))
        ORDER BY updated_on DESC, row_hash DESC, source_file, record_number)
) TO '{out}/silver.parquet' (COMPRESSION zstd)
"""
VIEW = "CREATE VIEW silver AS FROM '{out}/silver.parquet' WHERE class = 'new'"
GOLD = {
    "daily_trade_summary": """
        SELECT transaction_date::date AS trade_day, from_currency, to_currency,
            count(*) AS trades, count_if(transaction_status = 'COMPLETED') AS completed,
            count_if(transaction_status = 'FAILED') AS failed,
            count_if(transaction_status = 'PENDING') AS pending, sum(from_cost) AS from_cost,
            sum(to_cost) AS to_cost, sum(from_pip) AS from_pip_sum,
            count(from_pip) AS from_pip_count, sum(to_pip) AS to_pip_sum,
            count(to_pip) AS to_pip_count
        FROM silver GROUP BY ALL""",
    "customer_exposure": """
        SELECT customer_id, to_currency, count(*) AS trades, sum(to_cost) AS to_cost,
            max(transaction_date)::date AS last_trade_day
        FROM silver GROUP BY ALL""",
}


def standardised(column: Column) -> str:
    trimmed = f"trim({column.name}, ' ')"
    cased = f"upper({trimmed})" if column.standardise == "upper" else trimmed
    return f"nullif({cased}, '') AS text_{column.name}"


def typed(column: Column) -> str:
    text = f"text_{column.name}"
    if column.is_decimal:
        fits = rf"regexp_full_match({text}, '[+-]?\d+([.]\d{{1,{column.scale}}}0*)?')"
        value = f"CASE WHEN {fits} THEN try_cast({text} AS {column.type}) END"
    elif column.type == "timestamp":
        fits = f"regexp_full_match({text}, '{PLAIN_TIMESTAMP}')"
        value = f"CASE WHEN {fits} THEN try_cast({text} AS timestamp) END"
    else:
        value = text
    return f"{value} AS {column.name}"


def reasons(column: Column) -> list[str]:
    name, text = column.name, f"text_{column.name}"
    rules = {
        "missing": f"{text} IS NULL" if not column.nullable else "",
        "unparseable": f"{text} IS NOT NULL AND {name} IS NULL" if column.type != "string" else "",
        "unknown": f"{name} NOT IN {column.allowed}" if column.allowed else "",
        "out_of_range": (
            f"{name} NOT BETWEEN {column.minimum} AND {column.maximum}" if column.minimum else ""
        ),
    }
    return [
        f"CASE WHEN {broken} THEN '{name}.{rule}' END" for rule, broken in rules.items() if broken
    ]


def canonical(column: Column) -> str:
    value = f"epoch_us({column.name})" if column.type == "timestamp" else column.name
    return f"coalesce({value}::text, chr(30))"


def silver_sql(contract: Contract, out: str) -> str:
    broken = [reason for column in contract.columns for reason in reasons(column)]
    broken.append("CASE WHEN from_currency = to_currency THEN 'currency_pair.same' END")
    texts = [f"text_{name}" for name in contract.column_names]
    return SILVER.format(
        out=out,
        standardised=", ".join(map(standardised, contract.columns)),
        last=contract.column_names[-1],
        typed=", ".join(map(typed, contract.columns)),
        texts=", ".join(texts),
        text_names=", ".join(texts),
        reasons=", ".join(broken),
        canonical=", ".join(map(canonical, contract.columns)),
        keys=", ".join(contract.keys),
    )


def write_bronze(
    connection: duckdb.DuckDBPyConnection, contract: Contract, files: list[str], out: Path
) -> None:
    """A Parquet file for each file, two at a time: only so are records numbered in parallel."""
    out.mkdir()
    names = [*contract.column_names, "surplus"]
    types = "{" + ", ".join(f"'{name}': 'varchar'" for name in names) + "}"
    columns = ", ".join(contract.column_names)

    def write(number: int, file: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                BRONZE.format(
                    columns=columns, file=file, types=types, out=out / f"{number}.parquet"
                )
            )

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(write, range(len(files)), files))


def main(plan_path: str, out: str) -> None:
    """Run the three layers and tell what they took."""
    contract = load_contract("silver", "trades")
    files = [file.path for file in read_plan(plan_path).slices]
    moments = [time.monotonic()]
    with duckdb.connect(config={"threads": THREADS, "temp_directory": out}) as connection:
        write_bronze(connection, contract, files, Path(out, "bronze"))
        moments.append(time.monotonic())
        connection.execute(silver_sql(contract, out))
        moments.append(time.monotonic())
        connection.execute(VIEW.format(out=out))
        for name, query in GOLD.items():
            connection.execute(f"COPY ({query}) TO '{out}/{name}.parquet'")
        moments.append(time.monotonic())
        found = find(connection, Path(out))
    seconds = [end - start for start, end in pairwise(moments)]
    layers = dict(zip(("bronze", "silver", "gold"), seconds, strict=True))
    print(json.dumps({"seconds": layers, "found": found}), flush=True)


def find(connection: duckdb.DuckDBPyConnection, out: Path) -> dict[str, int | str]:
    """What both sides must agree on."""
    counts = "SELECT count_if(class = 'new'), count_if(class = 'quarantined') FROM read_parquet(?)"
    [(new, quarantined)] = connection.execute(counts, [str(out / "silver.parquet")]).fetchall()
    [(cost,)] = connection.execute("SELECT sum(to_cost)::text FROM silver").fetchall()
    groups = {name: pq.read_metadata(out / f"{name}.parquet").num_rows for name in GOLD}
    return {"new": new, "quarantined": quarantined, "to_cost": cost, **groups}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
