"""A machine with everything that a stream stands on, each part a real process that can be killed.

The stream's application, a Kafka broker, Postgres, the gateway, and batches of the same dataset.
Three producers feed it by files, by Kafka and by HTTP, until they are told to end.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from assay.generate.recipes import recipe_of
from assay.kafka.admin import ensure_topic
from assay.produce.gateway import KEY, Gateway
from assay.produce.landing import Landing
from assay.produce.run import produce
from assay.produce.targets import Target
from assay.produce.topic import Topic
from assay.settings import load_settings
from builders.attempts import Attempts
from builders.broker import Broker, running_broker
from builders.gateway import Running, make_good_key, running_gateway
from builders.own_server import OwnServer
from builders.ports import free_port
from builders.streams import Streams, streams_of

if TYPE_CHECKING:
    from subprocess import Popen

    from pyspark.sql import SparkSession

DATASET = "ecommerce_events"
RATE, AT_MOST = 10, 36_000  # events a second of each producer; seconds
INTERVAL = 0.5  # seconds between two hand-overs of files and requests
SHARES = {"updates": 0.1, "late": 0.05}
KNOWN = """
    SELECT (SELECT coalesce(sum(records), 0) FROM ops.row_ledger)
         + (SELECT coalesce(sum(records), 0) FROM ops.stream_slice WHERE released_by IS NULL)
"""
BAD = """
    SELECT (SELECT count(*) FROM live.ecommerce_event_errors)
         + (SELECT count(*) FROM ops.quarantine_open)
"""
IDS = """
    SELECT event_id FROM live.ecommerce_event UNION SELECT event_id FROM serving.ecommerce_event
    ORDER BY 1
"""


class Producing(Thread):
    """`assay produce` in a thread; `stop` is its interrupt."""

    def __init__(self, target: Target, seed: int, truth: Path) -> None:
        super().__init__(name=f"produce {seed}", daemon=True)
        self.target, self.seed, self.truth = target, seed, truth
        # A request without one record that can be read is refused, and its events go nowhere; a
        # file of one event and its copy are one delivery.
        self.defects = 0.0 if isinstance(target, Gateway) else 0.1
        self.duplicates = 0.05 if isinstance(target, Topic) else 0.0
        self.sent, self.unknown = 0, 0
        self._failure: BaseException | None = None
        self._ending = Event()
        self.start()

    def run(self) -> None:
        options = recipe_of(DATASET).options(
            self.truth.with_name("nowhere"),
            files=AT_MOST,
            rows=RATE,
            seed=self.seed,
            defects=self.defects,
            duplicates=self.duplicates,
            **SHARES,
        )
        try:
            recipe = recipe_of(DATASET)
            done = produce(recipe, options, self.target, self.truth, self._go_on)
            self.unknown = done.unknown
        except BaseException as error:  # noqa: BLE001  # told by `end`
            self._failure = error

    def _go_on(self, sent: int, _: int) -> None:
        self.sent = sent
        if self._ending.is_set():
            raise KeyboardInterrupt

    def stop(self) -> None:
        self._ending.set()
        self.join(300)
        assert not self.is_alive()

    def end(self) -> list[dict[str, Any]]:
        """What the truth file says of all that was sent."""
        self.stop()
        if self._failure:
            raise self._failure
        assert self.unknown == 0
        return [json.loads(line) for line in self.truth.read_text().splitlines()]


@dataclass
class Machine:
    """Its parts; `truth` is what all producers that have ended have sent."""

    streams: Streams
    server: OwnServer
    broker: Broker
    attempts: Attempts
    key: str
    gateway_port: int
    gateways: ExitStack
    gateway: Running | None = None
    application: Popen[bytes] | None = None
    producing: list[Producing] = field(default_factory=list)
    truth: list[dict[str, Any]] = field(default_factory=list)

    def start_application(self) -> None:
        self.application = self.streams.start()

    def start_gateway(self) -> None:
        made = running_gateway(self.streams.settings, self.server.database, port=self.gateway_port)
        self.gateway = self.gateways.enter_context(made)

    def produce(self, seed: int) -> None:
        """Begin to feed it by all three ways; returns when each has brought something."""
        home = self.streams.settings.home
        address = f"http://127.0.0.1:{self.gateway_port}"
        landing = Landing(self.streams.settings.landing / DATASET, f"run{seed}", stamp=False)
        gateway = Gateway(address, DATASET, stamp=False, environ={KEY: self.key})
        landing.interval = gateway.interval = INTERVAL
        targets: list[Target] = [landing, Topic(self.broker.access, DATASET, 2), gateway]
        self.producing = [
            Producing(target, 3 * seed + number, home / f"truth-{seed}-{number}.jsonl")
            for number, target in enumerate(targets)
        ]
        self.streams.wait_until(lambda: all(each.sent > RATE for each in self.producing))

    def end_producing(self) -> None:
        for each in self.producing:
            self.truth += each.end()
        self.producing = []

    def require_truth(self) -> None:
        """All that was sent is there, each event once, and what is bad is with the bad."""
        wanted = len(self.truth)
        self.streams.wait_until(lambda: self.streams.ask(KNOWN)[0][0] >= wanted)
        assert self.streams.ask(KNOWN)[0][0] == wanted
        bad = Counter(each["class"] for each in self.truth)["quarantined"]
        assert self.streams.ask(BAD)[0][0] == bad
        good = {each["id"] for each in self.truth if each["class"] != "quarantined"}
        found = {each for (each,) in self.streams.ask(IDS)}
        assert (good - found, found - good) == (set(), set())
        assert self.streams.ask("SELECT count(*) FROM live.ecommerce_event_now") == [(len(good),)]
        self.require_sound()

    def require_sound(self) -> None:
        """The books hold, as the auditor sees them while all is at work."""
        assert self.attempts.violations() == []


@contextmanager
def running_machine(server: OwnServer, spark: SparkSession) -> Iterator[Machine]:
    """A machine whose parts all run; its Postgres has a role for each of them."""
    with running_broker() as broker, ExitStack() as gateways:
        ensure_topic(broker.access, DATASET, 2)
        environment = {
            "ASSAY_KAFKA": broker.access.bootstrap_servers,
            "ASSAY_SPARK_MASTER": "local[2]",
            "ASSAY_DRIVER_MEMORY": "1g",
        }
        with streams_of(server.database, **environment) as streams:
            settings = load_settings({"ASSAY_HOME": str(streams.settings.home), **environment})
            attempts = Attempts(settings, server.database.uri(), spark, pipeline=DATASET)
            key = make_good_key(server.database, DATASET).removeprefix("Bearer ")
            machine = Machine(streams, server, broker, attempts, key, free_port(), gateways)
            machine.start_gateway()
            machine.start_application()
            try:
                yield machine
            finally:
                for each in machine.producing:
                    each.stop()
                attempts.end_all()
                gateways.close()
