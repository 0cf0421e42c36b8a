"""What a stream meets between two starts: another contract, folders that are gone; and a flood."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assay.settings import CONTRACTS
from builders.streams import Streams, events, streams_of

if TYPE_CHECKING:
    from conftest import Database

pytestmark = [pytest.mark.e2e, pytest.mark.long]
DATASET = "shop_events"
FLOOD = int(os.environ.get("ASSAY_FLOOD", "1000"))  # files; 10,000 in the full proof
LEAST_RATE = 30  # files a second, on two cores with much else to do
PIPELINE = f"""
{DATASET}:
  trigger: files
  datasets: [{DATASET}]
  schedule: "0 4 * * *"
  owner: a-test
  tags: [daily]
"""
COLOUR = '  - {name: colour, type: string, description: "Colour of the product"}\nexpectations:\n'
EVOLVE = """
import sys, psycopg
from assay.serving.evolution import evolve_tables
with psycopg.connect(sys.argv[1]) as connection:
    print(evolve_tables(connection))
"""


class OwnContract:
    """A dataset of the user's own: events of a shop, by a copy of the contract that we have."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder, self.database = folder, database
        self.path = folder / DATASET / "dataset.yaml"
        self.path.parent.mkdir(parents=True)
        (folder / "pipelines.yaml").write_text(PIPELINE)
        ours = CONTRACTS / "datasets" / "ecommerce_events" / "dataset.yaml"
        text = ours.read_text().replace("serving.ecommerce_event", "serving.shop_event")
        text = text.replace("  stream: {topics: [ecommerce_events], values: json}\n", "")
        self.path.write_text(text)

    def change(self) -> None:
        """A word more in a vocabulary, and a column more."""
        text = self.path.read_text().replace("allowed: [view,", "allowed: [tap, view,")
        self.path.write_text(text.replace("expectations:\n", COLOUR, 1))

    def make_tables(self) -> None:
        """What `assay up` does."""
        uri = self.database.uri("assay_owner")
        environment = {**os.environ, "ASSAY_DATASETS": str(self.folder)}
        subprocess.run([sys.executable, "-c", EVOLVE, uri], env=environment, check=True)


@pytest.fixture
def contract(tmp_path: Path, database: Database) -> OwnContract:
    return OwnContract(tmp_path / "datasets", database)


@pytest.fixture
def streams(contract: OwnContract, database: Database) -> Iterator[Streams]:
    contract.make_tables()
    environment = {"ASSAY_DATASETS": str(contract.folder)}
    with streams_of(database, pipeline=DATASET, **environment) as made:
        yield made


def ids(streams: Streams) -> list[str]:
    return [each for (each,) in streams.ask("SELECT event_id FROM live.shop_event ORDER BY 1")]


def tap(number: int) -> str:
    """A file with one event that only the changed contract takes."""
    head, line = events(number, 1).splitlines()
    return f"{head},colour\n{line.replace(',view,', ',tap,')},red\n"


def test_a_flood_a_changed_contract_and_lost_folders_lose_and_double_no_event(
    contract: OwnContract, streams: Streams
) -> None:
    process = streams.start()
    streams.land("events_0.csv", events(0, 1), DATASET)
    streams.wait_until(lambda: ids(streams))
    flood(streams)

    contract.change()
    streams.land("tap_1.csv", tap(FLOOD), DATASET)
    bad = "SELECT reasons FROM live.shop_event_errors"
    streams.wait_until(lambda: streams.ask(bad))
    assert streams.ask(bad) == [(["event_type.unknown"],)], "it goes by what it has begun with"

    process.kill()
    process.wait()
    shutil.rmtree(streams.settings.home / "streams")
    shutil.rmtree(streams.settings.home / "tmp")
    streams.land("tap_2.csv", tap(FLOOD + 1), DATASET)
    streams.start()
    missing = "SELECT FROM ops.stream WHERE error LIKE '%%column \"colour\"%%does not exist%%'"
    streams.wait_until(lambda: streams.ask(missing))
    contract.make_tables()
    streams.wait_until(lambda: len(ids(streams)) > FLOOD)
    assert ids(streams) == [f"e{number:08d}" for number in [*range(FLOOD), FLOOD + 1]]
    told = "SELECT event_type, colour FROM live.shop_event WHERE colour IS NOT NULL"
    assert streams.ask(told) == [("tap", "red")]
    counted = "SELECT count(*), sum(records), count(parked) FROM ops.stream_slice"
    assert streams.ask(counted) == [(FLOOD + 2, FLOOD + 2, 0)]


def flood(streams: Streams) -> None:
    """Many files at once, of one event each, all taken at a rate that is said."""
    landing = streams.settings.landing / DATASET
    for number in range(1, FLOOD):
        (landing / f".{number}").write_text(events(number, 1))
    for number in range(1, FLOOD):
        (landing / f".{number}").rename(landing / f"events_{number}.csv")
    began = time.monotonic()
    most = FLOOD / LEAST_RATE + 30
    streams.wait_until(lambda: len(ids(streams)) >= FLOOD, most)
    seconds = time.monotonic() - began
    print(f"{FLOOD:,} files in {seconds:.1f} s, {FLOOD / seconds:.0f} a second", flush=True)
