"""Real Delta tables and the results of stages, without Spark, for the tests of what comes after."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import write_deltalake

from assay import ledger
from assay.batch.inputs import Rebuild, Slices
from assay.batch.plan import GatePolicy, Plan, write_plan
from assay.batch.results import latest_result, write_result
from assay.batch.slices import FileSlice
from assay.bench.gates import pass_gates
from assay.contracts.columns import Column
from assay.contracts.lineage import LINEAGE, name_in_lake
from assay.contracts.load import load_contract
from assay.publish.staging import arrow_schema
from assay.publish.targets import DELETED
from builders.ledger_rows import commit

if TYPE_CHECKING:
    from conftest import Database

SILVER = load_contract("silver", "trades")
SUMMARY = load_contract("gold", "daily_trade_summary")
EXPOSURE = load_contract("gold", "customer_exposure")
IN_LAKE = [Column(name_in_lake(column), column.type) for column in LINEAGE]
STORES = ["serving.trade_event", "gold.daily_trade_summary", "gold.customer_exposure"]
Row = dict[str, Any]


def trade(number: int, *, cost: str = "10.01", customer: str = "C1", version: int = 1) -> Row:
    at = datetime(2026, 1, 1 + number % 3, 12, 30, 15, 123456, tzinfo=UTC)
    return {
        "trade_id": f"T{number:06}",
        "customer_id": customer,
        "from_currency": "USD",
        "to_currency": "INR",
        "from_cost": Decimal(cost),
        "to_cost": Decimal("83.37"),
        "from_pip": Decimal("0.0001") if number % 2 else None,
        "to_pip": Decimal("1.2345"),
        "transaction_date": at,
        "transaction_status": "COMPLETED",
        "created_by": "trader",
        "created_on": at,
        "updated_by": None,
        "updated_on": at.replace(microsecond=version),
        "from_deposited_account": "DE02",
        "to_debited_account": 'a "quoted", ünïcode\taccount',
    }


def key(row: Row) -> tuple[str, str]:
    return row["trade_id"], row["customer_id"]


def summarise(rows: list[Row]) -> dict[tuple[Any, ...], Row]:
    groups: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        group = (row["transaction_date"].date(), row["from_currency"], row["to_currency"])
        blank = dict.fromkeys(SUMMARY.column_names, 0)
        total = groups.setdefault(group, {**blank, **dict(zip(SUMMARY.keys, group, strict=True))})
        total["trades"] += 1
        total[row["transaction_status"].lower()] += 1
        for column in ("from_cost", "to_cost"):
            total[column] += row[column]
        for side in ("from_pip", "to_pip"):
            total[f"{side}_sum"] += row[side] or Decimal(0)
            total[f"{side}_count"] += row[side] is not None
    return groups


def expose(rows: list[Row]) -> dict[tuple[Any, ...], Row]:
    groups: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        group, day = (row["customer_id"], row["to_currency"]), row["transaction_date"].date()
        blank = {"trades": 0, "to_cost": Decimal(0), "last_trade_day": day}
        total = groups.setdefault(group, {**dict(zip(EXPOSURE.keys, group, strict=True)), **blank})
        total["trades"] += 1
        total["to_cost"] += row["to_cost"]
        total["last_trade_day"] = max(total["last_trade_day"], day)
    return groups


def decimal_columns(rows: list[Row], schema: pa.Schema) -> list[Row]:
    names = [field.name for field in schema if pa.types.is_decimal(field.type)]
    return [{**row, **{n: row[n] and Decimal(row[n]) for n in names}} for row in rows]


def sum_money(rows: list[Row]) -> dict[str, str]:
    return {column: str(sum((r[column] for r in rows), Decimal(0))) for column in SILVER.money}


class Lake:
    """Real Delta tables and the results that the Spark stages would leave, made by delta-rs."""

    def __init__(self, root: Path, connection: psycopg.Connection[Any]) -> None:
        self.root = root
        self.connection = connection
        self.base: dict[tuple[str, str], Row] = {}
        self.rows: dict[tuple[str, str], Row] = {}
        self.number = 0
        self.version = -1

    def commit(
        self, new: list[Row], updated: list[Row] | None = None, *, rebuild: bool = False
    ) -> Plan:
        """Commit one batch of one file; its plan is ready to be published."""
        self.number += 1
        self.base = {} if rebuild else dict(self.rows)
        return self._commit(new, updated or [], rebuild=rebuild)

    def commit_again(self, new: list[Row], updated: list[Row] | None = None) -> Plan:
        """Commit the last batch anew with other rows, as after a changed rule."""
        shutil.rmtree(self.root / f"b{self.number}")
        return self._commit(new, updated or [], rebuild=False)

    def _commit(self, new: list[Row], updated: list[Row], *, rebuild: bool) -> Plan:
        self.version += 1
        base = self.base
        plan = self._plan(len(new) + len(updated), rebuild=rebuild)
        after = {**base, **{key(row): row for row in [*new, *updated]}}
        self._write_silver(plan, new, updated, [base[key(row)] for row in updated], not base)
        self._write_gold(plan, list(base.values()), list(after.values()))
        self._write_commit(plan, list(base.values()), list(after.values()))
        self.rows = after
        self._record(plan)
        return plan

    def _plan(self, records: int, *, rebuild: bool) -> Plan:
        name = f"b{self.number}"
        file = FileSlice(
            "trades", "csv", f"{self.number:064x}", f"/x/{name}", f"{name}.csv", records, 1, []
        )
        return Plan(
            batch_id=name,
            pipeline="trades",
            datasets=["trades"],
            run_id=f"run {name}",
            batch_date="2026-01-01",
            input=Rebuild(["b1"]) if rebuild else Slices([file]),
            active=["trades"],
            commit=True,
            generation=2 if rebuild else 1,
            gate_policy=GatePolicy(),
            folder=str(self.root / name),
            lake=str(self.root / "lake"),
            bronze_lake=str(self.root / "lake"),
        )

    def _write_silver(
        self,
        plan: Plan,
        new: list[Row],
        updated: list[Row],
        replaced: list[Row],
        base_is_empty: bool,
    ) -> None:
        schema = arrow_schema((*SILVER.columns, *IN_LAKE))
        slice_id = f"{self.number:064x}"
        for name, rows in {"new": new, "updated": updated, "duplicate": new}.items():
            lineage = {"batch_id": plan.batch_id, "file_id": slice_id, "source_file": "x.csv"}
            full = [{**row, **lineage, "record_number": n} for n, row in enumerate(rows, 1)]
            folder = Path(plan.work("change_set", f"class={name}"))
            folder.mkdir(parents=True)
            table = pa.Table.from_pylist(full, schema).append_column(
                "row_hash", pa.array(["h"] * len(rows), pa.string())
            )
            pq.write_table(table, folder / "part-0.parquet")
        none = dict.fromkeys(("duplicate", "superseded", "quarantined"), 0)
        counts = {"records": len(new) + len(updated), "new": len(new), "updated": len(updated)}
        sums = {"new": sum_money(new), "updated": sum_money(updated)}
        built = {
            "change_set": plan.work("change_set"),
            "base_version": 0,
            "base_is_empty": base_is_empty,
            "classes": {slice_id: {**counts, **none}},
            "sums": {**sums, "replaced": sum_money(replaced)},
            "digest": f"digest of {plan.batch_id}",
        }
        write_result(plan.folder, "build_silver", 1, {"datasets": {"trades": built}})

    def _write_gold(self, plan: Plan, before: list[Row], after: list[Row]) -> None:
        tables = {}
        for contract, aggregate in ((SUMMARY, summarise), (EXPOSURE, expose)):
            old, live = aggregate(before), aggregate(after)
            schema = arrow_schema((*contract.columns, DELETED))
            rows = [{**row, "deleted": False} for k, row in live.items() if old.get(k) != row]
            for k in old.keys() - live.keys():
                rows.append({**dict(zip(contract.keys, k, strict=True)), "deleted": True})
            folder = Path(plan.work("gold", contract.name))
            folder.mkdir(parents=True)
            filled = [{**dict.fromkeys(schema.names), **row} for row in rows]
            table = pa.Table.from_pylist(decimal_columns(filled, schema), schema)
            pq.write_table(table, folder / "part-0.parquet")
            tables[contract.name] = {
                "candidates": str(folder),
                "groups": len(rows),
                "base_version": 0,
                "base_is_empty": not before,
                "digest": f"digest of {plan.batch_id}",
            }
        write_result(plan.folder, "build_gold", 1, {"tables": tables})

    def _write_commit(self, plan: Plan, before: list[Row], after: list[Row]) -> None:
        totals: dict[str, Any] = {
            "silver.trades": {
                "before": {"rows": len(before), **sum_money(before)},
                "after": {"rows": len(after), **sum_money(after)},
            }
        }
        lineage = {"batch_id": "b", "file_id": "f", "source_file": "x.csv", "record_number": 1}
        live = {"silver.trades": [{**row, **lineage} for row in after]}
        for contract, aggregate in ((SUMMARY, summarise), (EXPOSURE, expose)):
            groups = list(aggregate(after).values())
            live[contract.table] = groups
            sums = {c: str(sum(Decimal(g[c]) for g in groups)) for c in contract.totals}
            totals[contract.table] = {"rows": len(groups), **sums}
        for table, rows in live.items():
            layer, name = table.split(".")
            extra = IN_LAKE if layer == "silver" else ()
            schema = arrow_schema((*load_contract(layer, name).columns, *extra))
            content = pa.Table.from_pylist(decimal_columns(rows, schema), schema)
            write_deltalake(plan.table(layer, name), content, mode="overwrite")
        write_result(
            plan.folder,
            "commit",
            1,
            {
                "versions": dict.fromkeys(live, self.version),
                "totals": totals,
                "silver": latest_result(plan.folder, "build_silver")["datasets"],
                "gold": latest_result(plan.folder, "build_gold")["tables"],
            },
        )

    def _record(self, plan: Plan) -> None:
        ledger.start_batch(
            self.connection,
            batch_id=plan.batch_id,
            pipeline=plan.pipeline,
            run_id=plan.run_id,
            run_type="manual",
            batch_date=plan.batch_date,
            generation=plan.generation,
            source=plan.input.source,
        )
        pass_gates(self.connection, plan, epoch=1)
        commit(self.connection, plan.batch_id, self.version + 1)
        write_plan(plan)

    def spoil_change_set(self, plan: Plan, change: Callable[[Row], Row]) -> None:
        """Change the new rows that the batch has built, as a wrong rule would."""
        _rewrite(Path(plan.work("change_set", "class=new", "part-0.parquet")), change)

    def spoil_candidates(self, plan: Plan, table: str, change: Callable[[Row], Row]) -> None:
        """Change the groups that the batch has built."""
        _rewrite(Path(plan.work("gold", table, "part-0.parquet")), change)


def _rewrite(path: Path, change: Callable[[Row], Row]) -> None:
    rows = pq.read_table(path)
    pq.write_table(pa.Table.from_pylist([change(r) for r in rows.to_pylist()], rows.schema), path)


def content(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """What a reader sees, in one snapshot."""
    with database.connect("assay_reader") as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        return {
            table: reader.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall()  # noqa: S608
            for table in [*STORES, "ops.current_release"]
        }


def staging_tables(database: Database) -> list[str]:
    with database.connect("assay_owner") as owner:
        rows = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'")
        return [name for (name,) in rows.fetchall()]


def served(database: Database) -> list[Row]:
    names = SILVER.column_names
    return [dict(zip(names, row, strict=False)) for row in content(database)[STORES[0]]]
