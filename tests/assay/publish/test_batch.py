from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from assay import ledger
from assay.bench.gates import pass_gates
from assay.contract import load_contract
from assay.errors import FencedError, ReconciliationError
from assay.plan import GatePolicy, ManifestFile, Plan, read_plan, write_plan
from assay.publish import publish_batch, publish_pending
from assay.publish.staging import arrow_schema
from assay.publish.targets import DELETED, LINEAGE
from assay.results import latest_result, write_result

if TYPE_CHECKING:
    from conftest import Database

SILVER = load_contract("silver", "trades")
SUMMARY = load_contract("gold", "daily_trade_summary")
EXPOSURE = load_contract("gold", "customer_exposure")
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
        file = ManifestFile(
            "trades", "csv", f"{self.number:064x}", f"/x/{name}", f"{name}.csv", records, 1, []
        )
        return Plan(
            batch_id=name,
            pipeline="trades",
            datasets=["trades"],
            run_id=f"run {name}",
            batch_date="2026-01-01",
            inputs=["trades"],
            source="bronze" if rebuild else "files",
            commit=True,
            generation=2 if rebuild else 1,
            files=[] if rebuild else [file],
            rebuild_batches=["b1"] if rebuild else [],
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
        schema = arrow_schema((*SILVER.columns, *LINEAGE))
        file_id = f"{self.number:064x}"
        for name, rows in {"new": new, "updated": updated, "duplicate": new}.items():
            lineage = {"batch_id": plan.batch_id, "file_id": file_id, "source_file": "x.csv"}
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
            "base_version": None,
            "base_is_empty": base_is_empty,
            "classes": {file_id: {**counts, **none}},
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
            extra = LINEAGE if layer == "silver" else ()
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
            source=plan.source,
        )
        pass_gates(self.connection, plan, epoch=1)
        ledger.record_commit(self.connection, plan.batch_id, self.version + 1)
        write_plan(plan)


@pytest.fixture
def lake(tmp_path: Path, loader: psycopg.Connection[Any]) -> Lake:
    return Lake(tmp_path, loader)


@pytest.fixture
def publish(database: Database) -> Callable[..., dict[str, Any]]:
    """Publish a plan under the next epoch, as the task does."""

    def run(plan: Plan, say: Callable[[str], None] = print) -> dict[str, Any]:
        with database.connect(autocommit=True) as connection:
            epoch = ledger.take_epoch(connection, plan.pipeline, "test")
        return publish_batch(database.connect, database.uri(), plan, epoch, say)

    return run


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


def test_first_load_arrives_exactly_in_serving_and_gold(
    database: Database, lake: Lake, publish: Any
) -> None:
    release = publish(lake.commit([trade(n) for n in range(50)]))
    assert served(database) == [trade(n) for n in range(50)]
    shown = content(database)
    summary = [dict(zip(SUMMARY.column_names, row, strict=True)) for row in shown[STORES[1]]]
    assert summary == [groups for _, groups in sorted(summarise(list(lake.rows.values())).items())]
    assert release["counts"] == {STORES[0]: 50, STORES[1]: 3, STORES[2]: 1}
    assert release["sums"]["serving.trade_event"] == {"from_cost": "500.50", "to_cost": "4168.50"}
    assert release["versions"]["silver.trades"] == 0
    assert release["content"] == {"trades": "digest of b1"}
    assert ledger.batch_state(lake.connection, "b1") == "PUBLISHED"
    assert staging_tables(database) == []


def index_of_serving(database: Database) -> tuple[int, str]:
    """The plain index of the serving table: its number, new for each new index, and what it is."""
    with database.connect("assay_owner") as owner:
        found = owner.execute(
            "SELECT indexrelid, pg_get_indexdef(indexrelid) FROM pg_index"
            " WHERE indexrelid = 'serving.trade_event_by_customer'::regclass AND indisvalid"
        ).fetchone()
        assert not owner.execute("TABLE ops.deferred_index").fetchall()
    assert found
    return found


def test_the_first_load_builds_its_indexes_after_its_rows_and_the_next_leaves_them(
    database: Database, lake: Lake, publish: Any
) -> None:
    number, definition = index_of_serving(database)
    publish(lake.commit([trade(1)]))
    rebuilt, same_definition = index_of_serving(database)
    assert rebuilt != number
    assert same_definition == definition
    publish(lake.commit([trade(2)]))
    publish(lake.commit([trade(3)], rebuild=True))
    assert index_of_serving(database) == (rebuilt, definition)


def test_the_first_load_does_not_wait_for_whoever_looks_at_the_empty_table(
    database: Database, lake: Lake, publish: Any
) -> None:
    before = index_of_serving(database)
    with database.connect("assay_reader") as reader:
        assert reader.execute("TABLE serving.trade_event").fetchall() == []
        publish(lake.commit([trade(1)]))
    assert served(database) == [trade(1)]
    assert index_of_serving(database) == before


def test_a_first_load_that_is_rolled_back_leaves_its_indexes(
    database: Database, lake: Lake, publish: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class EndedAfterTheRows(Exception):
        pass

    def end(*_: Any) -> None:
        raise EndedAfterTheRows

    before = index_of_serving(database)
    monkeypatch.setattr("assay.publish.release.measure_postgres", end)
    with pytest.raises(EndedAfterTheRows):
        publish(lake.commit([trade(1)]))
    assert index_of_serving(database) == before


def test_increment_replaces_rows_and_groups_and_removes_the_group_left_empty(
    database: Database, lake: Lake, publish: Any
) -> None:
    publish(lake.commit([trade(0), trade(1), trade(2)]))
    moved = {**trade(2, cost="99.99", version=2), "transaction_date": trade(1)["transaction_date"]}
    publish(lake.commit([trade(3)], [moved]))
    assert served(database) == [trade(0), trade(1), moved, trade(3)]
    days = [row[0].day for row in content(database)["gold.daily_trade_summary"]]
    assert days == [1, 2]
    rows = lake.connection.execute("SELECT batch_id, new, updated FROM ops.row_ledger ORDER BY 1")
    assert rows.fetchall() == [("b1", 3, 0), ("b2", 1, 1)]


def test_rebuild_replaces_the_whole_content_and_starts_a_generation(
    database: Database, lake: Lake, publish: Any
) -> None:
    publish(lake.commit([trade(n) for n in range(10)]))
    publish(lake.commit([trade(n, cost="1.00") for n in range(4)], rebuild=True))
    assert served(database) == [trade(n, cost="1.00") for n in range(4)]
    assert ledger.current_generation(lake.connection, "trades") == 2


def test_publishing_again_changes_nothing(database: Database, lake: Lake, publish: Any) -> None:
    plan = lake.commit([trade(n) for n in range(5)])
    first = publish(plan)
    before = content(database)
    ledger.record_commit(lake.connection, plan.batch_id, 1)
    assert publish(plan)["release_id"] == first["release_id"]
    assert content(database) == before
    assert ledger.batch_state(lake.connection, plan.batch_id) == "PUBLISHED"


def test_batch_that_is_committed_anew_gives_back_what_it_no_longer_brings(
    database: Database, lake: Lake, publish: Any
) -> None:
    publish(lake.commit([trade(0), trade(1)]))
    publish(lake.commit([trade(2), trade(5)], [trade(1, cost="7.00", version=2)]))
    again = publish(lake.commit_again([trade(2, cost="3.00")]))
    assert served(database) == [trade(0), trade(1), trade(2, cost="3.00")]
    assert len(content(database)["gold.daily_trade_summary"]) == 3
    assert ledger.batch_state(lake.connection, "b2") == "PUBLISHED"
    ledgers = lake.connection.execute("SELECT new, updated FROM ops.row_ledger ORDER BY batch_id")
    assert ledgers.fetchall() == [(2, 0), (1, 0)]
    assert content(database)["ops.current_release"][0][0] == again["release_id"]


def test_pending_batches_are_released_in_the_order_of_their_commits(
    database: Database, lake: Lake
) -> None:
    plans = {
        p.batch_id: p for p in (lake.commit([trade(1)]), lake.commit([], [trade(1, cost="2")]))
    }
    epoch = ledger.take_epoch(lake.connection, "trades", "test")
    released = publish_pending(
        database.connect, database.uri(), "trades", epoch, plans.__getitem__, print
    )
    assert [release["batch_id"] for release in released] == ["b1", "b2"]
    assert served(database) == [trade(1, cost="2")]
    assert ledger.committed_unreleased(lake.connection, "trades") == []


def test_attempt_that_is_overtaken_while_staging_is_fenced(
    database: Database, lake: Lake, publish: Any
) -> None:
    publish(lake.commit([trade(1)]))
    before = content(database)

    def overtake(line: str) -> None:
        if "staged" in line:
            ledger.take_epoch(lake.connection, "trades", "a newer attempt")

    with pytest.raises(FencedError, match="epoch 2, but a newer attempt took epoch"):
        publish(lake.commit([trade(2)]), overtake)
    assert content(database) == before
    assert staging_tables(database) == []


def tamper_result(plan: Plan, change: Callable[[dict[str, Any]], None]) -> None:
    result = latest_result(plan.folder, "commit")
    change(result)
    write_result(plan.folder, "commit", 9, result)


@pytest.mark.parametrize(
    ("path", "value", "equation"),
    [
        ("silver trades classes FILE new", 1, r"records = new \+ updated"),
        (
            "silver trades classes FILE records",
            3,
            "records in silver = records counted",
        ),
        (
            "silver trades sums new from_cost",
            "1.00",
            r"silver\.trades\.from_cost",
        ),
        ("totals silver.trades after rows", 3, "rows after - rows before = new"),
        ("totals gold.customer_exposure to_cost", "1.00", "customer_exposure.to_cost ="),
        ("totals gold.customer_exposure rows", 7, "rows of gold.customer_exposure"),
    ],
)
def test_books_that_do_not_balance_publish_nothing(
    database: Database,
    lake: Lake,
    publish: Any,
    path: str,
    value: Any,
    equation: str,
) -> None:
    plan = lake.commit([trade(1), trade(2)])

    def put(result: dict[str, Any]) -> None:
        *parents, last = path.replace("FILE", plan.files[0].file_id).split(" ")
        for parent in parents:
            result = result[parent]
        if last == "records":
            result["duplicate"] = 1
        result[last] = value

    tamper_result(plan, put)
    with pytest.raises(ReconciliationError, match=equation):
        publish(plan)
    assert set(map(len, content(database).values())) == {0}
    assert ledger.batch_state(lake.connection, plan.batch_id) == "COMMITTED"


def test_postgres_that_would_differ_from_delta_is_rolled_back(
    database: Database, lake: Lake, publish: Any
) -> None:
    publish(lake.commit([trade(1), trade(2)]))
    lake.connection.execute("DELETE FROM serving.trade_event WHERE trade_id = 'T000001'")
    before = content(database)
    with pytest.raises(ReconciliationError, match=r"rows of serving\.trade_event = silver\.trades"):
        publish(lake.commit([trade(3)]))
    assert content(database) == before


PUBLISH_IN_A_PROCESS = """
import psycopg, sys
from assay.plan import read_plan
from assay.publish import publish_batch
uri, plan, epoch = sys.argv[1:]
publish_batch(lambda: psycopg.connect(uri), uri, read_plan(plan), int(epoch), print)
"""


def start_publisher(database: Database, plan: Plan, epoch: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", PUBLISH_IN_A_PROCESS, database.uri()]
    return subprocess.Popen([*command, f"{plan.folder}/plan.json", str(epoch)])


def wait_for(question: Callable[[], Any], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def test_killed_inside_the_transaction_then_published_by_the_next_attempt(
    database: Database, lake: Lake, publish: Any
) -> None:
    publish(lake.commit([trade(1)]))
    before = content(database)
    plan = lake.commit([trade(2)], [trade(1, cost="7.00", version=2)])
    waiting = (
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock'"
    )
    with database.connect() as blocker:
        blocker.execute("SELECT * FROM serving.trade_event FOR UPDATE")
        epoch = ledger.take_epoch(lake.connection, "trades", "killed")
        publisher = start_publisher(database, plan, epoch)
        wait_for(lambda: lake.connection.execute(waiting).fetchall())
        publisher.send_signal(signal.SIGKILL)
        publisher.wait()
    assert content(database) == before
    assert staging_tables(database)
    publish(plan)
    assert served(database) == [trade(1, cost="7.00", version=2), trade(2)]
    assert staging_tables(database) == []


class CuttingProxy:
    """Forwards one Postgres socket, and cuts the connection that sends COMMIT."""

    def __init__(self, server: str, folder: Path, *, after_commit: bool) -> None:
        self.server, self.after_commit = server, after_commit
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / ".s.PGSQL.5432"))
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{self.server}/.s.PGSQL.5432")
            pair = {"client": client, "server": server, "cut": threading.Event()}
            threading.Thread(target=self._forward_up, kwargs=pair, daemon=True).start()
            threading.Thread(target=self._forward_down, kwargs=pair, daemon=True).start()

    def _forward_up(self, client: socket.socket, server: socket.socket, cut: Any) -> None:
        while data := client.recv(65536):
            if b"COMMIT\0" in data and b"RELEASE" not in data and self.armed:
                self.armed = False
                cut.set()
                if not self.after_commit:
                    break
            server.sendall(data)
        else:
            server.shutdown(socket.SHUT_WR)
            return
        for end in (client, server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _forward_down(self, client: socket.socket, server: socket.socket, cut: Any) -> None:
        while data := server.recv(65536):
            if cut.is_set():
                break
            client.sendall(data)
        with suppress(OSError):  # the other direction may have ended it
            client.shutdown(socket.SHUT_RDWR)

    armed = False


@pytest.fixture(params=[True, False], ids=["committed", "not committed"])
def proxy(
    request: pytest.FixtureRequest, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[CuttingProxy, Database]]:
    folder = tmp_path_factory.mktemp("s")
    cutting = CuttingProxy(database.host, folder, after_commit=request.param)
    yield cutting, replace(database, host=str(folder))
    cutting.listener.close()


def test_connection_lost_at_commit_is_decided_by_the_release_row(
    database: Database, lake: Lake, proxy: tuple[CuttingProxy, Database]
) -> None:
    cutting, through = proxy
    plan = lake.commit([trade(1)])
    epoch = ledger.take_epoch(lake.connection, "trades", "test")
    lines: list[str] = []

    def arm(line: str) -> None:
        lines.append(line)
        if "customer_exposure: staged" in line:
            cutting.armed = True

    if cutting.after_commit:
        release = publish_batch(through.connect, database.uri(), plan, epoch, arm)
        assert release["batch_id"] == plan.batch_id
        assert any("lost at COMMIT" in line for line in lines)
        assert served(database) == [trade(1)]
    else:
        with pytest.raises(psycopg.OperationalError):
            publish_batch(through.connect, database.uri(), plan, epoch, arm)
        assert served(database) == []
    assert not cutting.armed, "the connection was never cut"


def test_reader_sees_the_old_release_or_the_new_and_never_a_mix(
    database: Database, lake: Lake, publish: Any
) -> None:
    rows = [trade(n) for n in range(300)]
    publish(lake.commit(rows))
    seen: set[tuple[Any, ...]] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            shown = content(database)
            gold = sum(row[EXPOSURE.column_names.index("trades")] for row in shown[STORES[2]])
            release = shown["ops.current_release"][0][0]
            seen.add((release, len(shown[STORES[0]]), gold))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for step in range(1, 6):
        publish(lake.commit([trade(300 * step + n) for n in range(300)]))
    publish(lake.commit(rows[:7], rebuild=True))
    done.set()
    watcher.join()
    releases = {release: (rows, gold) for release, rows, gold in seen}
    assert len(releases) == len(seen) > 1, "one release, one content"
    expected = {n: (300 * n, 300 * n) for n in range(1, 7)} | {7: (7, 7)}
    assert releases.items() <= expected.items()


def test_plan_survives_being_frozen(lake: Lake) -> None:
    plan = lake.commit([trade(1)])
    assert read_plan(f"{plan.folder}/plan.json") == plan
