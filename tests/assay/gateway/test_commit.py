"""The group commit: nothing is promised that is not safe, and nothing is handed over twice."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from assay.batch.plan import Plan
from assay.errors import ObjectStoreError, RequestRefusedError, StackError
from assay.gateway import deliver
from assay.gateway.batcher import Batcher
from assay.gateway.body import Kind
from assay.gateway.books import Books
from assay.gateway.by_files import ByFiles
from assay.gateway.check import checker_of
from assay.gateway.commit import Commit
from assay.gateway.csv_of_json import prepare_csv_of_json
from assay.gateway.deliver import LandingFolders, Spooled, deliverer_for, packed
from assay.gateway.json_body import prepare_lines
from assay.gateway.keys import Keys
from assay.gateway.limits import Depth, Limits, Rates
from assay.gateway.receipts_route import ReceiptsRoute, describe, state_of
from assay.gateway.records import Posted
from assay.intake.accept import accept_files
from assay.intake.returns import return_files
from assay.ledger import receipts as books
from assay.ledger.gateway_keys import GatewayKey
from assay.ledger.receipts import Receipt, find_receipt
from assay.ledger.stream_slices import TAKEN_BACK
from assay.ledger.whereabouts import Whereabouts, follow_receipt
from assay.operations.reject_file import reject_file
from assay.settings import Settings, load_settings
from assay.storage.addresses import ObjectPath
from assay.storage.objects import sizes_below
from builders.accepting import run_of
from builders.deliveries import age
from builders.gateway import MOST, delivered, landed, lines, make_good_key, quote
from builders.ledger_rows import bring_to, commit, release

if TYPE_CHECKING:
    from conftest import Database

Connect = Callable[[], psycopg.Connection[Any]]


def posted(*numbers: int, key: str | None = None, producer: str = "exchange") -> Posted:
    body = lines(*map(quote, numbers))
    prepared = prepare_lines(
        body, Kind.LINES, checker_of("stocks"), "*.jsonl.gz", MOST, strict=False
    )
    return Posted(prepared, producer, "key", hashlib.sha256(body).hexdigest(), key)


@pytest.fixture
def connect(database: Database) -> Connect:
    return lambda: database.connect("assay_gateway", autocommit=True)


@contextmanager
def opened(settings: Settings, connect: Connect, limits: Limits | None = None) -> Iterator[Commit]:
    ours = Commit(connect, ByFiles(deliverer_for(settings), limits or Limits()))
    ours.open()
    try:
        yield ours
    finally:
        ours.close()


def receipts(loader: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return loader.execute(
        "SELECT records, first_record, last_record FROM ops.receipt ORDER BY first_record"
    ).fetchall()


def numbers(settings: Settings) -> list[int]:
    return sorted(record["stock_id"] for record in delivered(settings))


def test_a_group_is_one_file_and_each_request_has_its_part_of_it(
    settings: Settings, connect: Connect, loader: psycopg.Connection[Any]
) -> None:
    with opened(settings, connect) as ours:
        made = ours.commit([posted(1, 2), posted(3), posted(4, 5, 6)])
    (file,) = landed(settings)
    assert [(r.file_name, r.slice_id) for r in made if isinstance(r, Receipt)] == [
        (file.name, hashlib.sha256(file.read_bytes()).hexdigest())
    ] * 3
    assert receipts(loader) == [(2, 1, 2), (1, 3, 3), (3, 4, 6)]
    assert [record["stock_id"] for record in delivered(settings)] == [1, 2, 3, 4, 5, 6]


def test_records_that_do_not_fit_one_file_go_into_several(
    settings: Settings, connect: Connect
) -> None:
    body = lines({"event_time": "2026-01-05", "event_type": "view", "tag": 1})
    events = prepare_csv_of_json(
        body, Kind.LINES, checker_of("ecommerce_events"), "*.csv.gz", MOST, strict=False
    )
    with opened(settings, connect, Limits(records=3)) as ours:
        ours.commit([posted(1, 2), posted(3, 4), posted(5), Posted(events, "shop", "key", "")])
    assert [len(landed(settings, each)) for each in ("stocks", "ecommerce_events")] == [2, 1]
    assert numbers(settings) == [1, 2, 3, 4, 5]


def test_two_equal_requests_are_two_deliveries(settings: Settings, connect: Connect) -> None:
    with opened(settings, connect) as ours:
        ours.commit([posted(1)])
        ours.commit([posted(1)])
    one, other = landed(settings)
    assert one.read_bytes() != other.read_bytes()
    assert numbers(settings) == [1, 1]


def test_a_request_that_is_sent_again_gets_its_receipt_and_hands_over_nothing(
    settings: Settings, connect: Connect
) -> None:
    with opened(settings, connect) as ours:
        (first,) = ours.commit([posted(1, key="a")])
        again, other, wrong = ours.commit(
            [posted(1, key="a"), posted(1, key="a", producer="other"), posted(2, key="a")]
        )
    assert again == first
    assert isinstance(other, Receipt)
    assert other != first
    assert isinstance(wrong, RequestRefusedError)
    assert wrong.status == 422
    assert numbers(settings) == [1, 1]


class CutOff(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize(
    ("point", "kept"), [("spooled", []), ("written", [1]), ("handed_over", [1])]
)
def test_what_was_cut_off_is_completed_or_was_never_there(
    point: str,
    kept: list[int],
    settings: Settings,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def reach(name: str) -> None:
        if name == f"gateway.{point}":
            raise CutOff

    with opened(settings, connect) as ours, monkeypatch.context() as patch:
        patch.setattr("assay.gateway.by_files.reach", reach)
        with pytest.raises(CutOff):
            ours.commit([posted(1, key="a")])
    with opened(settings, connect) as ours:
        assert numbers(settings) == kept
        assert list(deliverer_for(settings).left_behind()) == []
        ours.commit([posted(1, key="a")])
    assert numbers(settings) == [1]


def test_a_commit_whose_answer_is_lost_is_looked_up(
    settings: Settings, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receipts are written, and the connection ends before the gateway is told."""

    def write_and_lose(connection: psycopg.Connection[Any], made: Any) -> None:
        books.write_receipts(connection, made)
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    with opened(settings, connect) as ours:
        with monkeypatch.context() as patch:
            patch.setattr("assay.gateway.by_files.write_receipts", write_and_lose)
            with pytest.raises(RequestRefusedError) as refused:
                ours.commit([posted(1, key="a")])
        assert (refused.value.status, refused.value.retry_after) == (503, 5)
        assert numbers(settings) == []
        ours.commit([posted(1, key="a"), posted(2)])
    assert numbers(settings) == [1, 2]


def test_a_full_disk_promises_nothing(
    settings: Settings,
    connect: Connect,
    loader: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with opened(settings, connect) as ours:
        with monkeypatch.context() as patch:
            patch.setattr(deliver.os, "fsync", full)
            (refused,) = ours.commit([posted(1)])
            assert ours.recover() == "no file of stocks can be written"
        assert isinstance(refused, RequestRefusedError)
        assert (refused.status, refused.retry_after) == (503, 5)
        assert receipts(loader) == []
        assert [*settings.home.rglob(".gateway-*")] == []
        assert ours.recover() == ""
        ours.commit([posted(1)])
    assert numbers(settings) == [1]


class LandingWithOneDoorShut(LandingFolders):
    """A landing whose folder of trades takes no files, at a step that can be chosen."""

    step = ""

    def spool(self, dataset: str, name: str, content: bytes) -> Spooled:
        self._pass(dataset, "spool")
        return super().spool(dataset, name, content)

    def hand_over(self, files: Iterable[Spooled]) -> None:
        files = [*files]
        for file in files:
            self._pass(file.dataset, "hand over")
        super().hand_over(files)

    def _pass(self, dataset: str, step: str) -> None:
        if (dataset, step) == ("trades", self.step):
            raise PermissionError(13, "Permission denied", f"/landing/{dataset}")


@pytest.mark.parametrize("step", ["spool", "hand over"])
def test_a_folder_that_takes_no_files_keeps_up_no_other_dataset(
    step: str, settings: Settings, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.gateway.by_files.BEHIND_RETRY", 0.3)
    landing = LandingWithOneDoorShut(Path(settings.landing))
    landing.step = step
    trades = prepare_csv_of_json(
        lines({"trade_id": 1}), Kind.LINES, checker_of("trades"), "*.csv.gz", MOST, strict=False
    )
    shut = Posted(trades, "exchange", "key", "", "t")
    with closing(Commit(connect, ByFiles(landing, Limits()))) as ours:
        ours.open()
        for number in range(2):
            refused, taken = ours.commit([shut if not number else replace(shut), posted(number)])
            assert isinstance(taken, Receipt)
            if number and step == "hand over":  # it was promised, and is safe on disk
                assert isinstance(refused, Receipt)
            else:
                assert isinstance(refused, RequestRefusedError)
                assert (refused.status, "/landing" in str(refused)) == (503, False)
        later = ours.commit([replace(shut, idempotency_key="u")])
        assert isinstance(later[0], RequestRefusedError)
        assert ours.recover() == ours.way.trouble
        assert ours.way.trouble
        assert numbers(settings) == [0, 1]
        landing.step = ""
        time.sleep(0.3)
        assert ours.recover() == ""
        assert len(landed(settings, "trades")) == (step == "hand over")
        assert isinstance(ours.commit([replace(shut, idempotency_key="u")])[0], Receipt)
    assert len(landed(settings, "trades")) == 1 + (step == "hand over")
    assert list(deliverer_for(settings).left_behind()) == []


def test_what_another_gateway_has_promised_until_its_end_is_handed_over(
    settings: Settings, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one waits for the end of the one before, and looks then, not sooner."""

    def reach(name: str) -> None:
        if name == "gateway.written":
            raise CutOff

    second = Commit(connect, ByFiles(deliverer_for(settings), Limits()))
    with opened(settings, connect) as first, ThreadPoolExecutor(1) as pool:
        opening = pool.submit(second.open)
        time.sleep(0.3)
        with monkeypatch.context() as patch:
            patch.setattr("assay.gateway.by_files.reach", reach)
            with pytest.raises(CutOff):
                first.commit([posted(1)])
        first.close()
        opening.result()
    second.close()
    assert numbers(settings) == [1]


def test_the_gateway_is_well_again_without_a_request(
    settings: Settings, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A promised file is handed over once it can be, and nobody has to post for it."""
    monkeypatch.setattr("assay.gateway.batcher.RECOVER_SECONDS", 0.1)
    monkeypatch.setattr("assay.gateway.by_files.BEHIND_RETRY", 0.1)
    landing = LandingWithOneDoorShut(Path(settings.landing))
    landing.step = "hand over"
    trades = prepare_csv_of_json(
        lines({"trade_id": 1}), Kind.LINES, checker_of("trades"), "*.csv.gz", MOST, strict=False
    )
    is_away = True

    def connect_or_not() -> psycopg.Connection[Any]:
        if is_away:
            raise psycopg.OperationalError("connection refused")
        return connect()

    async def run() -> None:
        nonlocal is_away
        is_away = False
        batcher = Batcher(Commit(connect_or_not, ByFiles(landing, Limits())))
        await batcher.start()
        with pytest.raises(RequestRefusedError):
            await batcher.submit(Posted(trades, "exchange", "key", "", "t"))
        assert batcher.trouble
        is_away = True
        assert batcher.commit.connection
        batcher.commit.connection.close()
        landing.step = ""
        await asyncio.sleep(0.5)
        assert batcher.trouble
        assert landed(settings, "trades") == []
        is_away = False
        async with asyncio.timeout(20):
            while batcher.trouble:
                await asyncio.sleep(0.05)
        assert len(landed(settings, "trades")) == 1
        await batcher.stop()

    asyncio.run(run())


def test_one_gateway_writes_receipts(
    settings: Settings, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.gateway.commit.CLAIM_SECONDS", 0.1)
    with opened(settings, connect):
        second = Commit(connect, ByFiles(deliverer_for(settings), Limits()))
        with pytest.raises(StackError, match="another gateway"):
            second.open()
    monkeypatch.undo()
    with opened(settings, connect):
        pass


def test_a_lost_session_is_made_anew(settings: Settings, connect: Connect) -> None:
    with opened(settings, connect) as ours:
        ours.commit([posted(1)])
        assert ours.connection
        ours.connection.close()
        ours.commit([posted(2)])
    assert numbers(settings) == [1, 2]


def test_on_s3_a_file_is_put_whole_and_nothing_stays(
    bucket: ObjectPath, tmp_path: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings({"ASSAY_HOME": str(tmp_path), "ASSAY_FILES": str(bucket)})
    with opened(settings, connect) as ours:
        with monkeypatch.context() as patch:

            def away(*_: Any) -> None:
                raise ObjectStoreError("no answer")

            patch.setattr("assay.gateway.deliver.put", away)
            (refused,) = ours.commit([posted(1, key="a")])
            assert isinstance(refused, RequestRefusedError)
            assert (refused.status, refused.retry_after) == (503, 5)
        assert sizes_below(settings.landing) == {}
        assert len(list(deliverer_for(settings).left_behind())) == 1
    with opened(settings, connect) as ours:
        (again,) = ours.commit([posted(1, key="a")])
        assert list(deliverer_for(settings).left_behind()) == []
        assert isinstance(again, Receipt)
        assert list(sizes_below(settings.landing)) == [f"stocks/{again.file_name}"]
        depth = Depth(settings, Limits(waiting_files=1))
        depth.look("stocks")
        with pytest.raises(RequestRefusedError) as refused:
            depth.require_room("stocks")
    assert (refused.value.status, refused.value.retry_after) == (503, 30)


def test_a_landing_that_is_full_takes_no_more(settings: Settings, connect: Connect) -> None:
    with opened(settings, connect) as ours:
        ours.commit([posted(1)])
    (settings.home / "landing/stocks/.unfinished").touch()
    for limits, is_full in ((Limits(waiting_files=1), True), (Limits(waiting_files=2), False)):
        depth = Depth(settings, limits)
        depth.look("stocks")
        assert depth.waiting == {"stocks": (1, landed(settings)[0].stat().st_size)}
        if is_full:
            with pytest.raises(RequestRefusedError, match="1 files of stocks"):
                depth.require_room("stocks")
        else:
            depth.require_room("stocks")


def test_a_file_that_a_batch_has_taken_is_not_handed_over_again(
    settings: Settings, connect: Connect
) -> None:
    folders = LandingFolders(Path(settings.landing))
    spooled = folders.spool("stocks", "a.jsonl.gz", packed("a.jsonl.gz", b"{}\n"))
    folders.hand_over([spooled])
    landed(settings)[0].unlink()
    folders.hand_over([spooled])
    assert landed(settings) == []


def test_a_receipt_follows_its_records_to_the_release(
    settings: Settings, connect: Connect, database: Database, loader: psycopg.Connection[Any]
) -> None:
    with opened(settings, connect) as ours:
        first, second = ours.commit([posted(1, 2), posted(3)])
    assert isinstance(first, Receipt)
    assert isinstance(second, Receipt)

    def told(receipt: Receipt) -> tuple[str, int | None, int | None]:
        with connect() as reading:
            found = find_receipt(reading, receipt.receipt_id, "exchange")
            assert found == receipt
            facts = describe(found, follow_receipt(reading, found))
        return facts["state"], facts["release"], facts["quarantined"]

    assert told(first) == ("accepted", None, None)
    for path in landed(settings):
        age(path)
    run = run_of("one", "stocks", pipeline="finance")
    plan = accept_files(settings, database.connect, run)
    assert [file.records for file in plan.slices] == [3]
    assert told(first) == ("in_batch", None, None)
    commit(loader, plan.batch_id, 1)
    assert told(first) == ("committed", None, None)
    loader.execute(
        "INSERT INTO ops.quarantine_row (row_id, dataset, batch_id, generation, slice_id,"
        " source_file, record_number, reasons, raw)"
        " SELECT slice_id || ':3', dataset, batch_id, 1, slice_id, source_file, 3, '{a.b}', ''"
        " FROM ops.batch_slice"
    )
    made = release(loader, plan.batch_id, {"silver.stocks": 1}, pipeline="finance")
    bring_to(loader, plan.batch_id, "PUBLISHED")
    assert told(first) == ("released", made.release_id, 0)
    assert told(second) == ("released", made.release_id, 1)
    with connect() as reading:
        assert find_receipt(reading, first.receipt_id, "other") is None


def test_a_receipt_tells_what_became_of_a_file_whose_batch_was_given_up(
    settings: Settings, connect: Connect, database: Database, loader: psycopg.Connection[Any]
) -> None:
    with opened(settings, connect) as ours:
        receipts = [ours.commit([posted(number)])[0] for number in (1, 2)]
    kept, rejected = [each for each in receipts if isinstance(each, Receipt)]
    key, books = make_good_key(database), Books(connect)

    async def known_key(authorization: str) -> GatewayKey:
        return Keys(books.find_key).look_up(authorization)

    def told(receipt: Receipt) -> tuple[str, str]:
        route = ReceiptsRoute(known_key, Rates(), connect, settings.landing)
        facts = json.loads(asyncio.run(route.answer(receipt.receipt_id, key)).body)
        route.close()
        return facts["state"], facts["where"]

    def taken(name: str) -> Plan:
        for path in landed(settings):
            age(path)
        return accept_files(settings, database.connect, run_of(name, "stocks", pipeline="finance"))

    first = taken("first")
    reject_file(settings, loader, first.batch_id, rejected.slice_id or "", "a bad feed")
    return_files(settings, loader, first.batch_id, "ann", "why")
    assert told(rejected) == ("rejected", "its file was rejected: a bad feed")
    assert told(kept) == ("accepted", "in landing; the next run of its pipeline takes it")
    second = taken("second")
    assert [file.slice_id for file in second.slices] == [kept.slice_id]
    commit(loader, second.batch_id, 1)
    bring_to(loader, second.batch_id, "ROLLED_BACK")
    where = f"before it was released, {second.batch_id} was taken back"
    assert told(kept) == ("rolled_back", where)
    (file,) = second.slices
    Path(file.path).rename(Path(settings.landing) / "stocks" / file.source_file)
    assert told(kept)[0] == "accepted"
    books.close()


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (Whereabouts(), "accepted"),
        (Whereabouts("accepted", "", "b", "ABANDONED"), "accepted"),
        (Whereabouts("accepted", "", "b", "ROLLED_BACK", stream="s"), "rolled_back"),
        (Whereabouts("accepted", "", "b", "ROLLED_BACK"), "rolled_back"),
        (Whereabouts("accepted", "", "b", "ROLLED_BACK", is_in_landing=True), "accepted"),
        (
            Whereabouts("accepted", "", "b", "ROLLED_BACK", stream="s", parked=TAKEN_BACK),
            "parked",
        ),
        (Whereabouts("rejected", "why", "b", "PUBLISHED"), "rejected"),
        (Whereabouts("rejected", "why", "b", "ABANDONED"), "rejected"),
        (Whereabouts("rejected", "why", "b", "ABANDONED", is_in_landing=True), "accepted"),
        (Whereabouts("rejected", "why", "b", "ABANDONED", stream="s"), "live"),
        (Whereabouts("rejected", "why", "b", "DRY_RUN"), "accepted"),
        (Whereabouts("duplicate", "why", "b", "PUBLISHED", 3), "duplicate"),
        (Whereabouts(stream="s"), "live"),
        (Whereabouts("accepted", "", "b", "RUNNING", stream="s"), "live"),
        (Whereabouts(stream="s", parked="poison"), "parked"),
        (Whereabouts(stream="s", parked="poison", set_apart="odd"), "rejected"),
        (Whereabouts("accepted", "", "b", "PUBLISHED", 3, stream="s"), "released"),
    ],
)
def test_a_receipt_has_one_state(now: Whereabouts, state: str) -> None:
    assert state_of(now)[0] == state
