"""The hand-over to Kafka: what has a receipt is in the topic, whatever is killed meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from assay.errors import RequestRefusedError
from assay.gateway import by_topics
from assay.gateway.by_topics import ByTopics
from assay.gateway.commit import Commit
from assay.kafka.access import KafkaAccess
from assay.kafka.admin import ensure_topic
from assay.ledger.receipts import Receipt
from assay.settings import Settings
from builders.broker import Broker, records_of, running_broker
from builders.gateway import (
    Running,
    click,
    delivered,
    lines,
    make_good_key,
    posted_click,
    quote,
    running_gateway,
)
from builders.ports import free_port

if TYPE_CHECKING:
    from conftest import Database

DATASET = TOPIC = "ecommerce_events"
Connect = Callable[[], psycopg.Connection[Any]]


class CutOff(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def connect(database: Database) -> Connect:
    return lambda: database.connect("assay_gateway", autocommit=True)


@contextmanager
def opened(connect: Connect, access: KafkaAccess) -> Iterator[Commit]:
    ours = Commit(connect, ByTopics(lambda: access, makes_topics=True))
    ours.open()
    try:
        yield ours
    finally:
        ours.close()


def environment(broker: Broker) -> list[tuple[str, str]]:
    servers = broker.access.bootstrap_servers
    return [("ASSAY_KAFKA", servers), ("ASSAY_GATEWAY_TO", "kafka")]


def numbers_at(access: KafkaAccess) -> dict[tuple[str, int], str]:
    """The event_id at each place of the topic; a record has its event_id as its key."""
    return {
        (str(each.partition()), each.offset() or 0): (each.key() or b"").decode()
        for each in records_of(access, TOPIC)
    }


def names_of(receipt: Receipt, found: dict[tuple[str, int], str]) -> list[str]:
    """The ids of the events that a receipt says it has in the topic."""
    return [
        found[partition, offset]
        for partition, ranges in (receipt.offsets or {}).items()
        for first, until in ranges
        for offset in range(first, until)
    ]


def test_what_has_a_receipt_is_in_the_topic_and_other_datasets_go_to_landing(
    settings: Settings, database: Database, broker: Broker, connect: Connect
) -> None:
    """The smoke test of the hand-over to Kafka, by HTTP."""
    with opened(connect, broker.access) as ours:  # makes the topic
        ours.commit([posted_click("first")])
    key = make_good_key(database, DATASET, "stocks")
    with running_gateway(settings, database, environment=environment(broker)) as gateway:
        body = lines(click("a"), "no JSON", click("b"))
        answer = gateway.post(key, body, DATASET, Idempotency_Key="k")
        assert answer.status_code == 202, answer.text
        told = answer.json()
        assert (told["accepted"], told["quarantine"]) == (3, 1)
        assert gateway.post(key, body, DATASET, Idempotency_Key="k").json() == told
        assert gateway.post(key, lines(quote(1))).status_code == 202
        receipt = gateway.receipt(key, told["receipt"]).json()
        assert httpx.get(f"{gateway.url}/health").json() == {"status": "ok"}
    assert (receipt["state"], receipt["topic"]) == ("accepted", TOPIC)
    assert receipt["slices"] == [{"slice": None, "state": "accepted", "records": 3}]
    values = {
        (str(each.partition()), each.offset()): each.value()
        for each in records_of(broker.access, TOPIC)
    }
    places = [
        (partition, offset)
        for partition, ranges in receipt["offsets"].items()
        for first, until in ranges
        for offset in range(first, until)
    ]
    assert sorted(values[place] for place in places) == sorted(body.splitlines())
    assert [record["stock_id"] for record in delivered(settings)] == [1]


def test_a_gateway_that_dies_before_the_receipt_has_answered_nobody(
    broker: Broker, connect: Connect, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reach(name: str) -> None:
        if name == "gateway.acknowledged":
            raise CutOff

    with opened(connect, broker.access) as ours, monkeypatch.context() as patch:
        patch.setattr(by_topics, "reach", reach)
        with pytest.raises(CutOff):
            ours.commit([posted_click("cut", key="a")])
    with opened(connect, broker.access) as ours:
        (again,) = ours.commit([posted_click("cut", key="a")])
        (twice,) = ours.commit([posted_click("cut", key="a")])
    assert isinstance(again, Receipt)
    assert twice == again
    found = numbers_at(broker.access)
    assert names_of(again, found) == ["cut"]
    assert [*found.values()].count("cut") == 2  # the contract's keys make one row of them
    with database.connect() as connection:
        count = connection.execute("SELECT count(*) FROM ops.receipt").fetchone()
    assert count == (1,)


def test_receipts_that_postgres_has_cut_off_are_written_before_anything_else(
    broker: Broker, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The records are in the topic: who sends them again gets the receipt, and they are once."""

    def lose(*_: Any) -> None:
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    with opened(connect, broker.access) as ours:
        with monkeypatch.context() as patch:
            patch.setattr(by_topics, "write_receipts", lose)
            with pytest.raises(RequestRefusedError) as refused:
                ours.commit([posted_click("owed", key="a")])
        assert (refused.value.status, refused.value.retry_after) == (503, 5)
        (again,) = ours.commit([posted_click("owed", key="a")])
    assert isinstance(again, Receipt)
    found = numbers_at(broker.access)
    assert names_of(again, found) == ["owed"]
    assert [*found.values()].count("owed") == 1


def test_versions_of_a_key_are_in_one_partition_in_their_order(
    broker: Broker, connect: Connect
) -> None:
    ensure_topic(broker.access, "versions", partitions=5)
    group = [posted_click(f"e{number % 8}") for number in range(80)]
    for posted in group:
        posted.prepared.target = replace(posted.prepared.target, topic="versions")
    with opened(connect, broker.access) as ours:
        made = ours.commit(group)
    places: dict[str, list[tuple[str, int]]] = {}
    for posted, receipt in zip(group, made, strict=True):
        assert isinstance(receipt, Receipt)
        ((partition, ((first, _),)),) = (receipt.offsets or {}).items()
        places.setdefault(str(posted.prepared.keys), []).append((partition, first))
    assert [len({partition for partition, _ in each}) for each in places.values()] == [1] * 8
    assert len({each[0][0] for each in places.values()}) > 1
    assert all(each == sorted(each) for each in places.values())


def test_without_a_broker_nothing_is_promised_and_the_answer_comes_soon(
    connect: Connect, database: Database
) -> None:
    nobody = KafkaAccess(f"127.0.0.1:{free_port()}")
    with opened(connect, nobody) as ours:
        began = time.monotonic()
        with pytest.raises(RequestRefusedError) as refused:
            ours.commit([posted_click("a")])
        assert time.monotonic() - began < 10
    assert (refused.value.status, refused.value.retry_after) == (503, 5)
    with database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM ops.receipt").fetchone() == (0,)


@dataclass
class Shop:
    """A producer that sends each event until it has a receipt."""

    key: str
    sent: list[str] = field(default_factory=list)
    receipts: dict[str, str] = field(default_factory=dict)

    def post(self, gateway: Running, name: str) -> bool:
        """Whether it has a receipt now."""
        try:
            body = lines(click(name))
            answer = gateway.post(self.key, body, DATASET, Idempotency_Key=name)
        except httpx.HTTPError:
            return False
        if answer.status_code != 202:
            assert answer.status_code == 503, answer.text
            assert answer.headers["retry-after"] == "5"
            return False
        self.receipts[name] = answer.json()["receipt"]
        return True

    def produce(self, gateway: Running, until: float) -> None:
        while time.monotonic() < until:
            self.sent.append(name := f"e{uuid4().hex}")
            while not self.post(gateway, name) and time.monotonic() < until:
                time.sleep(0.1)

    def complete(self, gateway: Running) -> None:
        for name in self.sent:
            deadline = time.monotonic() + 60
            while name not in self.receipts and not self.post(gateway, name):
                assert time.monotonic() < deadline


def kill_both(settings: Settings, database: Database, broker: Broker, shop: Shop) -> None:
    """The broker, which comes back while requests wait; then the gateway."""
    facts = environment(broker)
    with (
        running_gateway(settings, database, environment=facts) as gateway,
        ThreadPoolExecutor(8) as pool,
    ):
        until = time.monotonic() + 8
        running = [pool.submit(shop.produce, gateway, until) for _ in range(8)]
        time.sleep(1.5)
        broker.kill()
        time.sleep(0.5)
        broker.start()
        time.sleep(max(0.5, until - time.monotonic() - 1))
        gateway.kill()
        for each in running:
            each.result()


@pytest.mark.long
def test_kill_9_of_gateway_and_broker_loses_nothing_that_has_a_receipt(
    settings: Settings, database: Database, connect: Connect
) -> None:
    shop = Shop(make_good_key(database, DATASET))
    with running_broker() as broker:
        with opened(connect, broker.access) as ours:
            ours.commit([posted_click("first")])
        for _ in range(2):
            kill_both(settings, database, broker, shop)
        with running_gateway(settings, database, environment=environment(broker)) as gateway:
            shop.complete(gateway)
        found = numbers_at(broker.access)
    assert {*shop.sent, "first"} == {*found.values()}
    assert len(shop.sent) > 20
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT receipt_id, idempotency_key, offsets FROM ops.receipt"
            " WHERE idempotency_key IS NOT NULL"
        ).fetchall()
    assert {name: receipt_id for receipt_id, name, _ in rows} == shop.receipts
    for _, name, offsets in rows:
        ((partition, [[first, until]]),) = offsets.items()
        assert (found[partition, first], until) == (name, first + 1)
