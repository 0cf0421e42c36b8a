"""Records in a real topic: each event once, under its id and with the time of its making."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from assay.errors import KafkaUnavailableError
from assay.generate.recipes import recipe_of
from assay.kafka.access import KafkaAccess
from assay.kafka.admin import partitions
from assay.produce.run import produce
from assay.produce.topic import Topic
from builders.broker import Broker, records_of, running_broker
from builders.ports import free_port
from builders.produced import Run, options_of


def test_a_topic_has_every_event_once(run: Run, broker: Broker) -> None:
    done, truth = run(Topic(broker.access, "events", 2))
    assert partitions(broker.access, "events") == [0, 1]
    found = records_of(broker.access, "events")
    assert len(found) == done.sent == len(truth) == 300
    assert done.unknown == 0
    ids = Counter(str(each["id"]) for each in truth)
    assert Counter(each.key().decode() for each in found) == ids
    of_id = {str(each["id"]): each for each in truth if ids[str(each["id"])] == 1}
    for each in found:
        told = of_id.get(each.key().decode())
        if told:
            assert dict(each.headers())["produced_at"].decode() == told["produced_at"]
    good = [each for each in found if of_id.get(each.key().decode(), {}).get("class") == "new"]
    assert len(good) > 200
    assert {json.loads(each.value())["event_type"].strip().lower() for each in good} <= {
        *("view", "purchase", "add_to_cart", "remove_from_cart")
    }


def test_a_broker_that_is_away_is_said_before_an_event_is_made() -> None:
    nobody = KafkaAccess(f"127.0.0.1:{free_port()}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("assay.produce.topic.wait_for_broker", _soon)
        with pytest.raises(KafkaUnavailableError, match="does not answer"):
            Topic(nobody, "events", 1)


def _soon(access: KafkaAccess, _: float) -> None:
    from assay.kafka.admin import wait_for_broker

    wait_for_broker(access, 0.3)


@pytest.mark.long
def test_a_broker_killed_at_work_has_every_acknowledged_event_exactly_once(
    tmp_path: Path,
) -> None:
    """Killed twice in ten seconds, and started again: nothing is lost, nothing is doubled."""
    with running_broker() as broker:
        target = Topic(broker.access, "events", 2)
        options = options_of("ecommerce_events", tmp_path, files=10, rows=500)

        def kill_twice() -> None:
            for pause in (2.0, 1.5):
                time.sleep(pause)
                broker.kill()
                time.sleep(0.5)
                broker.start()

        killer = threading.Thread(target=kill_twice)
        killer.start()
        done = produce(recipe_of("ecommerce_events"), options, target, tmp_path / "truth.jsonl")
        killer.join()
        found = records_of(broker.access, "events")
    truth = [json.loads(line) for line in Path(done.truth).read_text().splitlines()]
    assert done.unknown == 0
    assert len(found) == len(truth) == 5000
    assert Counter(each.key().decode() for each in found) == Counter(
        str(each["id"]) for each in truth
    )


@pytest.mark.long
def test_a_broker_that_never_comes_back_leaves_events_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.produce.topic.PATIENCE", 4.0)
    with running_broker() as broker:
        target = Topic(broker.access, "events", 1)
        options = options_of("ecommerce_events", tmp_path, files=20, rows=200)
        threading.Timer(1.5, broker.kill).start()
        path = tmp_path / "truth.jsonl"
        with pytest.raises(KafkaUnavailableError, match="did not acknowledge records of events"):
            produce(recipe_of("ecommerce_events"), options, target, path)
        classes = Counter(json.loads(line)["class"] for line in path.read_text().splitlines())
        assert classes["unknown"] > 0
        broker.start()
        found = records_of(broker.access, "events")
        certain = classes.total() - classes["unknown"]
        assert certain <= len(found) <= classes.total()
