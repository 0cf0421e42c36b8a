"""Poison is found and parked, outages are waited out; on a real Postgres, Spark's part is given."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pyarrow as pa
import pytest

from assay.batch.slices import Slice
from assay.errors import FencedError
from assay.ledger.streams import take_stream
from assay.streams.micro_batch import MOST_FAILURES, Recorder, cut_by_slice, poison_ranges
from assay.streams.outage import Books, SparkGoneError, StoppedError
from assay.streams.sink import MicroBatch, Sink
from builders.judged_slices import SCHEMA, SILVER, event_slice, judged

if TYPE_CHECKING:
    from conftest import Database

STREAM = "ecommerce_events.files"
NEVER = random.Random(1)  # noqa: S311  # no secret
# Longer than an entry of an index, and of no use to compress.
TOO_LONG = "".join(NEVER.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=9000))


@dataclass
class JudgedAlready:
    """Gives what Spark would have judged; `failures` are raised first."""

    tables: dict[str, pa.Table]
    failures: list[Exception] = field(default_factory=list)

    def judge(self, slices: Sequence[Slice]) -> pa.Table:
        if self.failures:
            raise self.failures.pop(0)
        return pa.concat_tables(
            [SCHEMA.empty_table(), *(self.tables[each.slice_id] for each in slices)]
        )


def recorder(database: Database, given: JudgedAlready) -> Recorder:
    books = Books(database.uri("assay_streamer"), lambda: False)
    taken = take_stream(books.connection(), STREAM, "ecommerce_events", "files", "a test")
    sink = Sink(STREAM, taken.epoch, SILVER)
    return Recorder(sink, books, given.judge, cut_by_slice, lambda: False)


def test_a_slice_that_postgres_refuses_is_parked_and_the_others_are_shown(
    database: Database,
) -> None:
    """A key that no index takes is a real poison."""
    slices = [event_slice(name, 2) for name in "abcde"]
    tables = {each.slice_id: judged(each) for each in slices}
    tables["c" * 64] = judged(slices[2], event_id=TOO_LONG)
    made = recorder(database, JudgedAlready(tables))
    assert made.record(MicroBatch(0, slices)) == 8
    with database.connect("assay_reader") as connection:
        found = connection.execute(
            "SELECT left(slice_id, 1), live_records, parked IS NOT NULL FROM ops.stream_slice"
            " ORDER BY 1"
        ).fetchall()
        why = connection.execute("SELECT parked FROM ops.stream_slice WHERE parked <> ''")
        assert "index row" in why.fetchall()[0][0]
    shown = [(name, 2, False) for name in "abde"]
    assert sorted(found) == sorted([*shown, ("c", 0, True)])


def test_an_outage_is_no_poison(database: Database) -> None:
    taken = event_slice("a", 2)
    away = [psycopg.OperationalError("connection refused") for _ in range(2)]
    given = JudgedAlready({taken.slice_id: judged(taken)}, [*away, OSError(28, "no space left")])
    assert recorder(database, given).record(MicroBatch(0, [taken])) == 2


def test_what_spark_cannot_read_is_parked_too(database: Database) -> None:
    class Unreadable(JudgedAlready):
        def judge(self, slices: Sequence[Slice]) -> pa.Table:
            if any(each.slice_id == "b" * 64 for each in slices):
                raise ValueError("Spark cannot read it")
            return super().judge(slices)

    slices = [event_slice(name, 1) for name in "ab"]
    given = Unreadable({each.slice_id: judged(each) for each in slices})
    assert recorder(database, given).record(MicroBatch(0, slices)) == 1


def test_of_much_poison_the_whole_rest_is_parked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.streams.micro_batch.MOST_FAILURES", 4)
    slices = [event_slice(name, 1) for name in "abcdefgh"]
    batch = MicroBatch(0, slices)
    cut, parked = cut_by_slice(batch, lambda part: "" if part == slices[:1] else "bad")
    assert cut == batch
    assert parked == {each.slice_id: "bad" for each in slices[1:]}


def test_that_spark_is_gone_is_no_poison(database: Database) -> None:
    taken = event_slice("a", 2)
    gone = [ValueError("odd"), ValueError("odd"), ValueError("odd"), SparkGoneError("no JVM")]
    given = JudgedAlready({taken.slice_id: judged(taken)}, gone)
    with pytest.raises(SparkGoneError):  # met while poison is looked for
        recorder(database, given).record(MicroBatch(0, [taken]))
    with database.connect("assay_reader") as connection:
        assert connection.execute("SELECT * FROM ops.stream_slice").fetchall() == []


def test_what_is_parked_again_is_cut_anew_as_a_whole(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two cuts of the records of Kafka are not of the same slices."""
    monkeypatch.setattr("assay.streams.micro_batch.LONGEST_PAUSE", 0.01)
    cuts = iter("bc")

    def cut(batch: MicroBatch, _: object) -> tuple[MicroBatch, dict[str, str]]:
        part = event_slice(next(cuts), 2)
        return MicroBatch(batch.number, [part]), {part.slice_id: "odd"}

    class Refusing(JudgedAlready):
        tries = 0

        def judge(self, slices: Sequence[Slice]) -> pa.Table:
            self.tries += 1
            if self.tries <= 6:
                raise ValueError("odd")
            return super().judge(slices)

    made = recorder(database, Refusing({}))
    replace(made, cut=cut).record(MicroBatch(0, [event_slice("a", 2)]))
    with database.connect("assay_reader") as connection:
        found = connection.execute("SELECT left(slice_id, 1) FROM ops.stream_slice").fetchall()
    assert found == [("c",)]


def test_a_file_that_a_batch_has_given_back_meanwhile_is_no_matter_any_more(
    database: Database, tmp_path: Path
) -> None:
    """It was delivered twice, and is taken from landing again."""
    gone, there = replace(event_slice("a", 1), path=str(tmp_path / "a.csv")), event_slice("b", 1)
    tables = {each.slice_id: judged(each) for each in (gone, there)}
    away = [psycopg.errors.UndefinedColumn("column odd does not exist")]
    made = recorder(database, JudgedAlready(tables, [*away]))
    assert made.record(MicroBatch(0, [gone, there])) == 1


def test_a_fenced_stream_tries_nothing_again(database: Database) -> None:
    taken = event_slice("a", 2)
    given = JudgedAlready({taken.slice_id: judged(taken)})
    older = recorder(database, given)
    recorder(database, given)
    with pytest.raises(FencedError):
        older.record(MicroBatch(0, [taken]))


def test_a_stream_that_shall_stop_does_not_wait_for_postgres(database: Database) -> None:
    taken = event_slice("a", 2)
    given = JudgedAlready({}, [psycopg.OperationalError("connection refused")])
    made = recorder(database, given)
    stopping = Recorder(made.sink, made.books, given.judge, cut_by_slice, lambda: True)
    with pytest.raises(StoppedError):
        stopping.record(MicroBatch(0, [taken]))


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        ([], []),
        ([3], [(3, 4)]),
        ([0, 7], [(0, 1), (7, 8)]),
        ([0, 1, 2, 3, 4, 5, 6, 7], [(n, n + 1) for n in range(8)]),
    ],
)
def test_poison_is_found_by_halves(bad: list[int], found: list[tuple[int, int]]) -> None:
    def fails(start: int, end: int) -> str:
        return "bad" if any(start <= each < end for each in bad) else ""

    assert [(a, b) for a, b, _ in poison_ranges(0, 8, fails)] == found


def test_much_poison_is_told_apart_as_far_as_can_be_soon() -> None:
    trials: list[tuple[int, int]] = []

    def fails(start: int, end: int) -> str:
        trials.append((start, end))
        return "bad"

    found = poison_ranges(0, 20_000, fails)
    assert len(trials) <= MOST_FAILURES + len(bin(20_000))
    assert found[0][:2] == (0, 1)
    assert [begin for begin, _, _ in found[1:]] == [end for _, end, _ in found[:-1]]
    assert found[-1][1] == 20_000


def test_what_fails_only_together_is_one() -> None:
    assert poison_ranges(0, 4, lambda start, end: "bad" if end - start == 4 else "") == [
        (0, 4, "bad")
    ]
