"""How long events took: those seen, from their first making to the end of their transaction."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

from assay.ledger.stream_slices import recorded_times
from assay.ledger.streams import take_stream
from assay.streams.latency import Latency, measure_latency
from assay.streams.sink import MicroBatch, Sink
from builders.judged_slices import SILVER, event_slice, judged

if TYPE_CHECKING:
    from conftest import Database

NAME = "ecommerce_events.files"


def test_an_event_is_seen_once_and_counts_from_its_first_making(
    database: Database, tmp_path: Path
) -> None:
    taken = event_slice("a", 3)
    with database.connect("assay_streamer", autocommit=True) as streamer:
        epoch = take_stream(streamer, NAME, SILVER.name, "files", "a test").epoch
        Sink(NAME, epoch, SILVER).record(streamer, MicroBatch(0, [taken]), judged(taken), {})
        seen = recorded_times(streamer, SILVER.name)[taken.slice_id].astimezone(UTC)
    made = [  # name, class, seconds before it was seen
        ("a.csv-1", "new", 9.0),  # of the warm-up
        ("a.csv-2", "superseded", 4.0),
        ("a.csv-2", "duplicate", 1.0),
        ("a.csv-3", "new", 2.0),
        ("never", "new", 2.0),
        ("bad", "quarantined", 2.0),
    ]
    truth = tmp_path / "truth.jsonl"
    truth.write_text(
        "".join(
            json.dumps(
                {
                    "position": number,
                    "id": name,
                    "class": kind,
                    "produced_at": f"{seen - timedelta(seconds=ago):%Y-%m-%dT%H:%M:%S.%fZ}",
                }
            )
            + "\n"
            for number, (name, kind, ago) in enumerate(made)
        )
    )
    with database.connect("assay_reader", autocommit=True) as reader:
        took = measure_latency(reader, SILVER, truth, after=1)
    assert took.expected == 3
    assert [round(each, 3) for each in took.seconds] == [2.0, 4.0]
    assert round(took.percentile(0.95), 3) == 4.0


def test_of_nothing_seen_there_is_no_percentile() -> None:
    assert isnan(Latency(3, []).percentile(0.5))
