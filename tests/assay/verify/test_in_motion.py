"""An audit beside work that goes on: what moves while it looks is no fault, what stays is one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assay.settings import Settings, load_settings
from builders.audited import Site, broken, once_books_are_read
from builders.stream_slices import DATASET, Kafka, event, record_file

if TYPE_CHECKING:
    from conftest import Database

PENDING = f"UPDATE ops.stream_slice SET path = path || '.moved' WHERE slice_id LIKE '{DATASET}%'"  # noqa: S608


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Site:
    return Site(load_settings({"ASSAY_HOME": str(tmp_path)}), database)


@pytest.fixture
def kafka(site: Site) -> Kafka:
    """A stream that has recorded a slice."""
    stream = Kafka(site.settings, site.database)
    stream.take()
    stream.record([event("k1")])
    return stream


def move(settings: Settings) -> None:
    """Move the first slice file."""
    file = Path(str(settings.accepted), "streams", f"{DATASET}.kafka", "1-000000000000.parquet")
    file.rename(file.with_name(f"{file.name}.moved"))


def test_a_stream_that_records_while_it_is_audited_is_sound(
    site: Site, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    def goes_on() -> None:
        kafka.record([event("k2")])
        record_file(site.settings, site.database, ["f1"])

    once_books_are_read(monkeypatch, goes_on)
    assert broken(site.audit()) == {}


def test_a_file_that_moves_with_its_row_of_the_books_is_no_fault(
    site: Site, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    def goes_on() -> None:
        move(site.settings)
        site.execute(PENDING)

    once_books_are_read(monkeypatch, goes_on)
    assert broken(site.audit()) == {}


def test_what_breaks_while_it_is_audited_is_told(
    site: Site, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    once_books_are_read(monkeypatch, lambda: move(site.settings))
    assert "file of a pending slice" in broken(site.audit())["I14"][0]


def test_a_fault_whose_numbers_move_is_told(
    site: Site, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.execute("DELETE FROM live.ecommerce_event")
    site.execute("UPDATE ops.stream SET next_offsets = '{}'")
    once_books_are_read(monkeypatch, lambda: kafka.record([event("k2")]))
    site.execute("INSERT INTO live.ecommerce_event_errors VALUES ('stray', 1, '{a}', 'x')")
    found = broken(site.audit())
    assert any("good rows of a slice in live: expected 1, found 0" in each for each in found["I14"])
    assert any("of no slice that is recorded" in each for each in found["I14"])
