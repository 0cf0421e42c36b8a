"""Slices that are pending: what an auditor finds sound, and every way to break I14 and I15."""

# ruff: noqa: S608  # statements of our own
from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assay.settings import load_settings
from assay.verify import audit
from builders.audited import Site, broken
from builders.stream_slices import DATASET, Kafka, Value, event, record_file, write_slice_file

if TYPE_CHECKING:
    from conftest import Database

LIVE = "live.ecommerce_event"
FIRST = f"{DATASET}.kafka/1-000000000000"
SECOND = f"{DATASET}.kafka/1-000000000001"
PARKED = f"{DATASET}.kafka/2-000000000000"


@dataclass
class Streamed(Site):
    """A site with slices that no batch has claimed: two of Kafka, a parked one, and a file."""

    def slice_file(self, number: int, epoch: int = 1) -> Path:
        name = f"{epoch}-{number:012d}.parquet"
        return Path(str(self.settings.accepted)) / "streams" / f"{DATASET}.kafka" / name

    def put(self, *parts: str) -> Path:
        """A file somewhere below the home."""
        path = self.settings.home.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("some content")
        return path


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Streamed:
    settings = load_settings({"ASSAY_HOME": str(tmp_path)})
    kafka = Kafka(settings, database)
    kafka.take()
    kafka.record([event("k1"), event("k2"), Value(b"no json"), Value(None)])
    kafka.record([event("k3", event_type="action")])
    kafka.take()  # a restart
    kafka.record([event("p1")], parked="refused")
    record_file(settings, database, ["f1", "f2"])
    return Streamed(settings, database)


def test_pending_slices_are_sound_and_counted(site: Streamed) -> None:
    checks = {check.invariant: check for check in site.audit()}
    assert broken([*checks.values()]) == {}
    assert checks["I14"].compared == {
        "slices": 4,
        "of them pending": 4,
        f"rows of {LIVE}": 5,
    }
    assert checks["I15"].compared == {"ranges of offsets": 3, "records": 6}
    assert broken(audit(site.settings, site.database.uri("assay_reader"), dataset="trades")) == {}


def test_what_a_kill_has_left_is_no_fault(site: Streamed) -> None:
    write_slice_file(site.slice_file(7), [b"{}"], 6)
    listed = site.put("accepted", DATASET, "abc.csv")
    lists = site.settings.home / "streams" / f"{DATASET}.files" / "lists"
    lists.mkdir(parents=True)
    (lists / ".1-0.list").write_text(json.dumps({"path": str(listed)}) + '\n{"path": "cut o')
    assert broken(site.audit()) == {}


def test_what_streams_have_put_away_is_told_by_its_place(site: Streamed) -> None:
    rejected = site.put("rejected", DATASET, f"{DATASET}.files", "1-000000001", "a.csv")
    reason = rejected.with_name("a.csv.reason.txt")
    reason.write_text("empty file")
    again = site.put("archive", "duplicates", DATASET, f"{DATASET}.files", "1-000000001", "b.csv")
    again.write_bytes(next((site.settings.home / "accepted" / DATASET).iterdir()).read_bytes())
    assert broken(site.audit()) == {}
    reason.unlink()
    again.write_text("of nobody")
    stray = site.put("accepted", DATASET, "stray.csv")
    told = "\n".join(broken(site.audit())["I10"])
    assert "file that a stream has rejected: expected a reason beside it" in told
    assert "file put away as a duplicate: expected a content that a batch or a stream has" in told
    assert str(stray) in told


def of_books(statement: str) -> Callable[[Streamed], object]:
    return lambda site: site.execute(statement)


def rewrite(values: list[bytes | None], offset: int = 0) -> Callable[[Streamed], object]:
    """The first slice file with other records, and the books told that it is so."""

    def spoil(site: Streamed) -> None:
        size, sha256 = write_slice_file(site.slice_file(0), values, offset)
        site.execute(
            f"UPDATE ops.stream_slice SET size_bytes = {size}, sha256 = '{sha256}'"
            f" WHERE slice_id = '{FIRST}'"
        )

    return spoil


def shifted(range_: str) -> Callable[[Streamed], object]:
    topic = '{"ecommerce_events": {"0": ' + range_ + "}}"
    return of_books(f"UPDATE ops.stream_slice SET offsets = '{topic}' WHERE slice_id = '{SECOND}'")


CLAIMED = "dataset, source_file, slice_id, header, records, size_bytes, format, kind, slice_date"
GOOD = [event("k1").text, event("k2").text]
BROKEN: dict[str, tuple[Callable[[Streamed], object], str, str]] = {
    "a good row is gone": (
        of_books(f"DELETE FROM {LIVE} WHERE event_id = 'k2'"),
        "I14",
        "good rows of a slice in live: expected 2, found 1",
    ),
    "a bad row is gone": (
        of_books(f"DELETE FROM {LIVE}_errors WHERE record_number = 4"),
        "I14",
        "records of a slice = its rows in live: expected 4, found 3",
    ),
    "a parked slice is shown": (
        of_books(
            f"UPDATE ops.stream_slice SET parked = 'x', live_records = 0, error_records = 0"
            f" WHERE slice_id = '{SECOND}'"
        ),
        "I14",
        "good rows of a slice in live: expected 0, found 1",
    ),
    "a row is twice": (
        of_books(f"INSERT INTO {LIVE} SELECT * FROM {LIVE} WHERE event_id = 'k1'"),
        "I14",
        "good rows of a slice in live: expected 2, found 3",
    ),
    "a row is of no slice": (
        of_books(f"INSERT INTO {LIVE}_errors VALUES ('stray', 1, '{{a}}', 'x')"),
        "I14",
        "rows in live of no slice that is recorded: expected 0, found 1",
    ),
    "a value is another": (
        of_books(f"UPDATE {LIVE} SET price = 9.51 WHERE event_id = 'k2'"),
        "I14",
        f"values in {LIVE} = those of the slices: expected equal, found 1 row not equal;"
        f" the first are {FIRST}:2",
    ),
    "a value of a file is another": (
        of_books(f"UPDATE {LIVE} SET user_id = 7 WHERE event_id = 'f2'"),
        "I14",
        f"values in {LIVE} = those of the slices",
    ),
    "a slice file is gone": (
        lambda site: site.slice_file(0).unlink(),
        "I14",
        "file of a pending slice: expected at",
    ),
    "a slice file was changed": (
        lambda site: write_slice_file(site.slice_file(1), [event("k4").text], 4),
        "I14",
        "sha256 of a slice file",
    ),
    "a slice file has fewer records": (
        rewrite(GOOD),
        "I14",
        "records in a slice file: expected 4, found 2",
    ),
    "a slice was released by nobody": (
        of_books(
            "INSERT INTO ops.batch (batch_id, pipeline, run_id, run_type, batch_date, state,"
            " source, generation) VALUES ('b', 'x', 'r', 'manual', '2026-01-01', 'EMPTY',"
            " 'files', 1); UPDATE ops.stream_slice SET released_by = 'b'"
        ),
        "I14",
        "the batch that released a slice: expected pending, for b does not hold it, found b",
    ),
    "a rejected slice is shown": (
        of_books(
            f"UPDATE ops.stream_slice SET rejected = 'x', live_records = 0, error_records = 0"
            f" WHERE slice_id = '{SECOND}'"
        ),
        "I14",
        "good rows of a slice in live: expected 0, found 1",
    ),
    "the file of a rejected slice is gone": (
        lambda site: (
            site.execute(f"UPDATE ops.stream_slice SET rejected = 'x' WHERE slice_id = '{PARKED}'"),
            site.slice_file(0, epoch=2).unlink(),
        ),
        "I14",
        "file of a rejected slice: expected at",
    ),
    "a rejected slice is of a batch": (
        of_books(
            "INSERT INTO ops.batch (batch_id, pipeline, run_id, run_type, batch_date, state,"
            " source, generation) VALUES ('b', 'x', 'r', 'manual', '2026-01-01', 'RUNNING',"
            " 'files', 1); UPDATE ops.stream_slice SET rejected = 'x'"
            f" WHERE slice_id = '{PARKED}'; INSERT INTO ops.batch_slice (batch_id, verdict, reason,"
            f" location, {CLAIMED}) SELECT 'b', 'accepted', '', path, {CLAIMED}"
            f" FROM ops.stream_slice WHERE slice_id = '{PARKED}'"
        ),
        "I14",
        "batch of a rejected slice: expected none, found b",
    ),
    "offsets are left out": (
        shifted("[5, 6]"),
        "I15",
        "first offset of ecommerce_events, partition 0: expected 4, found 5",
    ),
    "offsets are taken twice": (
        shifted("[3, 5]"),
        "I15",
        "first offset of ecommerce_events, partition 0: expected 4, found 3",
    ),
    "the stream goes on elsewhere": (
        of_books(
            'UPDATE ops.stream SET next_offsets = \'{"ecommerce_events": {"0": 9}}\''
            " WHERE source = 'kafka'"
        ),
        "I15",
        f"{DATASET}.kafka goes on with ecommerce_events, partition 0: expected 6, found 9",
    ),
    "a record is of other offsets": (
        rewrite([*GOOD, b"no json", None], offset=1),
        "I15",
        "records beyond the offsets of their slice: expected 0, found 1",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_told_under_its_invariant(site: Streamed, name: str) -> None:
    spoil, invariant, told = BROKEN[name]
    spoil(site)
    found = broken(site.audit())
    assert any(told in violation for violation in found[invariant]), found
