from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from assay import ledger
from assay.batch.plan import Plan, read_plan
from assay.batch.results import latest_result, write_result
from assay.errors import FencedError, ReconciliationError
from assay.events.context import Correlation
from assay.events.event import Event
from assay.events.sinks import sent_to
from assay.publish import publish_batch, publish_pending
from builders.ledger_rows import commit
from builders.published_lake import (
    EXPOSURE,
    STORES,
    SUMMARY,
    Lake,
    content,
    served,
    staging_tables,
    summarise,
    trade,
)

if TYPE_CHECKING:
    from conftest import Database


def test_first_load_arrives_exactly_in_serving_and_gold(
    database: Database, lake: Lake, publish: Any
) -> None:
    release = publish(lake.commit([trade(n) for n in range(50)]))
    assert served(database) == [trade(n) for n in range(50)]
    shown = content(database)
    summary = [dict(zip(SUMMARY.column_names, row, strict=True)) for row in shown[STORES[1]]]
    assert summary == [groups for _, groups in sorted(summarise(list(lake.rows.values())).items())]
    assert release.counts == {STORES[0]: 50, STORES[1]: 3, STORES[2]: 1}
    assert release.sums["serving.trade_event"] == {"from_cost": "500.50", "to_cost": "4168.50"}
    assert release.versions["silver.trades"] == 0
    assert release.content == {"trades": "digest of b1"}
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
    commit(lake.connection, plan.batch_id, 1)
    assert publish(plan).release_id == first.release_id
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
    assert content(database)["ops.current_release"][0][0] == again.release_id


def test_pending_batches_are_released_in_the_order_of_their_commits(
    database: Database, lake: Lake
) -> None:
    plans = {
        p.batch_id: p for p in (lake.commit([trade(1)]), lake.commit([], [trade(1, cost="2")]))
    }
    epoch = ledger.take_epoch(lake.connection, "trades", "test")
    released = publish_pending(database.connect, database.uri(), "trades", epoch, plans.__getitem__)
    assert [release.batch_id for release in released] == ["b1", "b2"]
    assert served(database) == [trade(1, cost="2")]
    assert ledger.committed_unreleased(lake.connection, "trades") == []


def test_attempt_that_is_overtaken_while_staging_is_fenced(
    database: Database, lake: Lake, publish: Any
) -> None:
    publish(lake.commit([trade(1)]))
    before = content(database)

    class Newer:
        def write(self, event: Event, _: Correlation) -> None:
            if "staged" in str(event):
                ledger.take_epoch(lake.connection, "trades", "a newer attempt")

    refused = pytest.raises(FencedError, match="epoch 2, but a newer attempt took epoch")
    with sent_to(Newer()), refused:
        publish(lake.commit([trade(2)]))
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
        *parents, last = path.replace("FILE", plan.slices[0].slice_id).split(" ")
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
from assay.batch.plan import read_plan
from assay.publish import publish_batch
uri, plan, epoch = sys.argv[1:]
publish_batch(lambda: psycopg.connect(uri), uri, read_plan(plan), int(epoch))
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

    class Arming:
        def write(self, event: Event, correlation: Correlation) -> None:
            lines.append(str(event))
            if "quarantine_row: staged" in lines[-1]:
                cutting.armed = True

    if cutting.after_commit:
        with sent_to(Arming()):
            release = publish_batch(through.connect, database.uri(), plan, epoch)
        assert release.batch_id == plan.batch_id
        assert any("lost at COMMIT" in line for line in lines)
        assert served(database) == [trade(1)]
    else:
        with sent_to(Arming()), pytest.raises(psycopg.OperationalError):
            publish_batch(through.connect, database.uri(), plan, epoch)
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
