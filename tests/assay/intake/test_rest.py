"""Files at rest (case 24): what somebody still writes is left, and what changed is given back."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from assay.batch.plan import Plan
from assay.contracts.load import load_contract
from assay.intake import landing, rest
from assay.intake.accept import accept_files
from assay.intake.rest import is_open_for_writing, keep_resting
from assay.ledger import batch_state, deliveries
from assay.settings import Settings
from builders.accepting import run_of
from builders.deliveries import age
from corpus.trades import HEADER, row, text

Accept = Callable[..., Plan]
WHOLE = text(HEADER, *(row(number) for number in range(40)))
LEFT = "1 file is still being written, left for the next run"
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")


@pytest.fixture
def accept(settings: Settings, database: Any) -> Accept:
    return lambda name, **params: accept_files(settings, database.connect, run_of(name, **params))


@pytest.fixture
def settle(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    def set_seconds(seconds: float) -> None:
        contract = load_contract("bronze", "trades")
        assert contract.source
        source = replace(contract.source, settle_seconds=seconds)
        changed = replace(contract, source=source)
        monkeypatch.setattr(rest, "load_contract", lambda *_: changed)

    return set_seconds


def place(settings: Settings, name: str) -> Path:
    path = settings.landing / "trades" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def slow_writer(path: Path, head: bytes, tail: bytes) -> Iterator[Callable[[], object]]:
    """Another process that has written the head, and holds the file open; called, it ends it."""
    script = "import sys; f = open(sys.argv[1], 'wb'); f.write(bytes.fromhex(sys.argv[2]))\n"
    script += "f.flush(); print('written', flush=True); sys.stdin.read()\n"
    script += "f.write(bytes.fromhex(sys.argv[3])); f.close()"
    writer = subprocess.Popen(
        [sys.executable, "-c", script, str(path), head.hex(), tail.hex()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert writer.stdout
    try:
        assert writer.stdout.readline() == b"written\n"
        yield writer.communicate
    finally:
        writer.kill()
        writer.wait()


@linux_only
@pytest.mark.parametrize("way", ["in place", "renamed while open"])
def test_case_24_a_slow_writer_is_waited_for_and_its_file_taken_whole(
    settings: Settings, accept: Accept, said: list[str], way: str
) -> None:
    """Ten records are there, and have been for a minute; the other thirty are to come."""
    path = place(settings, "slow_2026-01-05.csv")
    writing = path if way == "in place" else path.with_name("slow.part")
    lines = WHOLE.splitlines(keepends=True)
    with slow_writer(writing, b"".join(lines[:11]), b"".join(lines[11:])) as finish:
        age(writing).rename(path)
        plan = accept("early")
        assert (plan.slices, path.exists()) == ([], True)
        assert said[-1] == f"nothing new; {LEFT}"
        assert any("a process has it open for writing" in line for line in said)
        finish()
    age(path)
    (file,) = accept("later").slices
    assert (file.records, Path(file.path).read_bytes()) == (40, WHOLE)


@linux_only
def test_the_other_files_are_taken_and_the_summary_names_the_one_that_is_left(
    settings: Settings, accept: Accept, said: list[str]
) -> None:
    paths = [place(settings, name) for name in ("a.csv", "b.csv")]
    for number, path in enumerate(paths):
        path.write_bytes(text(HEADER, row(number)))
        age(path)
    with paths[1].open("ab"):
        plan = accept("one")
    assert [file.source_file for file in plan.slices] == ["a.csv"]
    assert said[-1] == f"1 file, 1 record accepted; {LEFT}"


@linux_only
def test_a_file_that_is_mapped_for_writing_is_left(settings: Settings) -> None:
    import mmap

    path = place(settings, "a.csv")
    path.write_bytes(WHOLE)
    assert not is_open_for_writing(path)
    with path.open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), 0)
    assert is_open_for_writing(path)
    mapped.close()
    assert not is_open_for_writing(path)


@linux_only
@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="changes its user")
@pytest.mark.parametrize(("owner", "told"), [(65534, True), (65533, False)])
def test_another_user_than_root_is_told_of_its_own_files(owner: int, told: bool) -> None:
    """Of those of others the kernel says nothing, which is no reason to leave them for ever."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "a.csv"
        path.write_bytes(b"x")
        os.chown(path, owner, owner)
        with path.open("ab"):
            child = os.fork()
            if not child:
                os.setuid(65534)
                os._exit(is_open_for_writing(path))
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == told


@linux_only
def test_asking_disturbs_no_sender_and_kills_nobody(tmp_path: Path) -> None:
    """The holder of a lease is told of a writer by a signal, which by default ends a process."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"x")
    sender = "import sys, time; end = time.time() + 1\n"
    sender += "while time.time() < end: open(sys.argv[1], 'ab').write(b'x')"
    with subprocess.Popen([sys.executable, "-c", sender, str(path)]) as process:
        asked = 0
        while process.poll() is None:
            is_open_for_writing(path)
            asked += 1
        assert process.returncode == 0
    assert asked > 100
    assert path.stat().st_size > 1


def test_a_young_file_is_taken_after_one_short_wait(
    settings: Settings, settle: Callable[[float], None]
) -> None:
    settle(0.4)
    for name in ("a.csv", "b.csv"):
        place(settings, name).write_bytes(WHOLE)
    began = time.monotonic()
    assert keep_resting(settings, {"trades": ["a.csv", "b.csv"]}) == {"trades": ["a.csv", "b.csv"]}
    assert 0.2 < time.monotonic() - began < 2


def test_an_old_file_is_not_waited_for(settings: Settings) -> None:
    place(settings, "a.csv").write_bytes(WHOLE)
    age(place(settings, "a.csv"))
    began = time.monotonic()
    assert keep_resting(settings, {"trades": ["a.csv"]}) == {"trades": ["a.csv"]}
    assert time.monotonic() - began < 1


def test_a_file_that_grows_between_two_looks_is_left(
    settings: Settings, settle: Callable[[float], None], said: list[str]
) -> None:
    """As where the kernel tells of no writer: each look finds it closed."""
    settle(0.6)
    path = place(settings, "a.csv")
    path.write_bytes(b"x")

    def grow() -> None:
        time.sleep(0.2)
        path.write_bytes(b"xy")

    writer = threading.Thread(target=grow)
    writer.start()
    assert keep_resting(settings, {"trades": ["a.csv"]}) == {"trades": []}
    writer.join()
    assert said == [
        "left 'a.csv' in landing/trades for the next run:"
        " it changed from 1 to 2 bytes while it was looked at"
    ]


def test_a_contract_may_ask_for_a_longer_rest_than_a_run_waits(
    settings: Settings, settle: Callable[[float], None], said: list[str]
) -> None:
    settle(300)
    path = place(settings, "a.csv")
    path.write_bytes(WHOLE)
    assert keep_resting(settings, {"trades": ["a.csv"]}) == {"trades": []}
    os.utime(path, (0, time.time() - 301))
    assert keep_resting(settings, {"trades": ["a.csv"]}) == {"trades": ["a.csv"]}


def test_a_clock_that_is_ahead_keeps_no_file_waiting(
    settings: Settings, settle: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(0.3)
    path = place(settings, "a.csv")
    path.write_bytes(WHOLE)
    os.utime(path, (0, time.time() + 9_000_000))  # the sender's clock
    assert keep_resting(settings, {"trades": ["a.csv"]}) == {"trades": ["a.csv"]}
    now = time.time() - 100_000  # ours was set back
    monkeypatch.setattr(rest.time, "time", lambda: now)
    settle(0)
    assert keep_resting(settings, {"trades": ["a.csv"]}) == {"trades": ["a.csv"]}


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_file_that_changes_while_it_is_read_goes_back(
    settings: Settings,
    accept: Accept,
    said: list[str],
    loader: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    dry_run: bool,
) -> None:
    for name in ("a.csv", "b.csv"):
        place(settings, name).write_bytes(text(HEADER, row(len(name))) + name.encode())
        age(place(settings, name))
    real = landing.inspect_taken

    def write_meanwhile(files: Any) -> Any:
        found = real(files)
        with files[0].path.open("ab") as file:
            file.write(b"more\n")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(landing, "inspect_taken", write_meanwhile)
        plan = accept("one", dry_run=dry_run)
    assert [file.source_file for file in plan.slices] == ["b.csv"]
    assert "'a.csv' was written to while it was taken: back in landing" in said
    assert said[-1].endswith(f"; {LEFT}")
    assert place(settings, "a.csv").read_bytes().endswith(b"more\n")
    assert place(settings, "b.csv").exists() == dry_run
    if not dry_run:
        assert [d.source_file for d in deliveries(loader, plan.batch_id)] == ["b.csv"]
        assert batch_state(loader, plan.batch_id) == "RUNNING"
