"""Topics that no stream would read, or not soon: nothing is promised of what is posted to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from assay.errors import RequestRefusedError
from assay.gateway import same_topics
from assay.gateway.batcher import is_trouble
from assay.gateway.by_topics import ByTopics
from assay.gateway.commit import Commit
from assay.gateway.limits import Lag
from assay.gateway.records import Posted
from assay.kafka.access import KafkaAccess
from assay.kafka.admin import delete_topics, ensure_topic, offsets, topic_ids
from assay.ledger.receipts import Receipt
from assay.ledger.streams import know_topics, record, take_stream
from assay.settings import Settings
from assay.streams.lag import records_before
from builders.broker import Broker, records_of, running_broker
from builders.gateway import (
    PATIENCE,
    click,
    lines,
    make_good_key,
    posted_click,
    quote,
    running_gateway,
)

if TYPE_CHECKING:
    from conftest import Database

DATASET = "ecommerce_events"
STREAM = f"{DATASET}.kafka"
Connect = Callable[[], psycopg.Connection[Any]]


@pytest.fixture
def connect(database: Database) -> Connect:
    return lambda: database.connect("assay_gateway", autocommit=True)


@pytest.fixture
def ours(broker: Broker, connect: Connect) -> Iterator[Commit]:
    with closing(Commit(connect, ByTopics(lambda: broker.access, makes_topics=True))) as ours:
        ours.open()
        yield ours


def have_read(database: Database, access: KafkaAccess, topic: str, until: int = 1) -> None:
    """Have the books say what they say once a stream has recorded something of the topic."""
    with database.connect("assay_streamer", autocommit=True) as connection:
        epoch = take_stream(connection, STREAM, DATASET, "kafka", "a test").epoch
        know_topics(connection, STREAM, epoch, topic_ids(access, [topic]), {topic: {"0": 0}})
        record(connection, STREAM, epoch, 0, [], {topic: {"0": until}})


def sent_to(topic: str, name: str) -> Posted:
    posted = posted_click(name)
    posted.prepared.target = replace(posted.prepared.target, topic=topic)
    return posted


@pytest.mark.parametrize("is_made", [True, False], ids=["made anew", "gone"])
def test_of_a_topic_that_no_stream_reads_any_more_nothing_is_promised(
    broker: Broker,
    ours: Commit,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_made: bool,
) -> None:
    access, topic = broker.access, f"remade-{is_made}"
    monkeypatch.setattr(same_topics, "LOOK_SECONDS", 0.0)
    assert isinstance(ours.commit([sent_to(topic, "before")])[0], Receipt)
    have_read(database, access, topic)
    assert isinstance(ours.commit([sent_to(topic, "read")])[0], Receipt)
    delete_topics(access, [topic])
    deadline = time.monotonic() + 30
    while topic_ids(access, [topic]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    if is_made:
        ensure_topic(access, topic)
    refused, taken = ours.commit([sent_to(topic, "stranded"), sent_to("others", "good")])
    assert isinstance(taken, Receipt)
    assert isinstance(refused, RequestRefusedError)
    assert (refused.status, refused.retry_after) == (503, 60)
    assert f"topic {topic} was made anew" in str(refused)
    assert "source.stream.topics" in str(refused)
    assert not (records_of(access, topic) if is_made else topic_ids(access, [topic]))


def test_a_topic_that_nobody_has_made_keeps_up_no_other(
    broker: Broker, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On brokers of others topics are theirs to make."""
    access = broker.access
    monkeypatch.setattr(same_topics, "LOOK_SECONDS", 0.0)
    ensure_topic(access, "theirs")
    way = ByTopics(lambda: access, makes_topics=False)
    with closing(Commit(connect, way)) as ours:
        ours.open()
        sessions = []
        for number in range(2):
            group = [sent_to("nobodys", f"n{number}"), sent_to("theirs", f"t{number}")]
            refused, taken = ours.commit(group)
            assert isinstance(taken, Receipt)
            assert isinstance(refused, RequestRefusedError)
            assert (refused.status, refused.retry_after) == (503, 60)
            assert "there is no topic nobodys" in str(refused)
            assert not is_trouble(refused)  # of all others
            sessions.append(way.sender.producer)
        assert sessions[0] is sessions[1]
        ensure_topic(access, "nobodys")
        assert isinstance(ours.commit([sent_to("nobodys", "n2")])[0], Receipt)


def test_ids_are_asked_for_twice_a_minute_and_after_an_outage(
    broker: Broker, ours: Commit, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def counted(*given: Any) -> dict[str, str]:
        looks.append(given)
        return topic_ids(*given)

    monkeypatch.setattr(same_topics, "topic_ids", counted)
    ensure_topic(broker.access, "looked-at")
    have_read(database, broker.access, "looked-at")
    for number in range(3):
        assert isinstance(ours.commit([sent_to("looked-at", f"e{number}")])[0], Receipt)
    assert len(looks) == 1
    assert isinstance(ours.way, ByTopics)
    ours.way.sender.part()
    for number in range(2):
        ours.commit([sent_to("looked-at", f"f{number}")])
    assert len(looks) == 1 + 1


def test_a_stream_that_is_too_far_behind_is_told_with_retry_after() -> None:
    behind = {"shop": 10}
    lag = Lag(behind.__getitem__, 10)
    lag.require_room("shop")  # nobody has looked yet
    assert [*lag.waiting] == ["shop"]
    lag.look("shop")
    lag.require_room("shop")
    behind["shop"] = 11
    lag.look("shop")
    with pytest.raises(RequestRefusedError, match="11 records of shop wait") as refused:
        lag.require_room("shop")
    assert (refused.value.status, refused.value.retry_after) == (503, 30)


def test_what_is_behind_is_counted_from_what_is_recorded(broker: Broker, ours: Commit) -> None:
    access, topics = broker.access, ("behind", "behind-too")
    for topic in topics:
        ours.commit([sent_to(topic, f"e{number}") for number in range(3)])
    assert records_before(access, topics, {}) == 3 + 3
    assert records_before(access, topics, {"behind": {"0": 2}, "other": {"0": 9}}) == 1 + 3
    assert records_before(access, topics, {"behind": {"0": 9}}) == 0 + 3  # it was made anew


@pytest.mark.long
def test_a_gateway_takes_no_more_while_the_stream_is_behind(
    settings: Settings, database: Database
) -> None:
    key = make_good_key(database, DATASET, "stocks")
    with running_broker() as broker:
        access = broker.access
        ensure_topic(access, DATASET)
        have_read(database, access, DATASET, until=0)
        environment = [("ASSAY_KAFKA", access.bootstrap_servers)]
        environment += [("ASSAY_GATEWAY_TO", "kafka"), ("ASSAY_GATEWAY_LAG", "5")]
        with running_gateway(settings, database, environment=environment) as gateway:

            def answer() -> int:
                posted = gateway.post(key, lines(click("e")), DATASET)
                if posted.status_code == 503:
                    assert posted.headers["retry-after"] == "30"
                    assert f"records of {DATASET} wait in its topics" in posted.json()["error"]
                return posted.status_code

            many = lines(*(click(f"e{number}") for number in range(6)))
            assert gateway.post(key, many, DATASET).status_code == 202
            until(lambda: answer() == 503)
            assert gateway.post(key, lines(quote(1))).status_code == 202  # goes to landing
            have_read(database, access, DATASET, until=offsets(access, DATASET)[0].latest)
            until(lambda: answer() == 202)


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.5)
