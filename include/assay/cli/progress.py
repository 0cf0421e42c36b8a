"""Progress of runs: a line for each task as it ends, and below them, live, those under way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from assay.airflow_client.follow import Watch
from assay.airflow_client.runs import ENDED, RunState, TaskState
from assay.words import Say

STYLES = {"success": "green", "failed": "red", "upstream_failed": "red", "running": "yellow"}
UNTOLD_STATES = ("none", "scheduled", "queued", "skipped")
Key = tuple[str, str, str, str, int]


@contextmanager
def watch_tasks(console: Console) -> Iterator[Watch]:
    """Show the tasks of whatever run is passed in, until the block ends."""
    seen: dict[Key, float] = {}
    if not console.is_terminal:
        yield lambda run: _tell(console, run, seen)
        return
    active: dict[tuple[str, str], RunState] = {}
    with Live(console=console, refresh_per_second=4, transient=True) as live:

        def watch(run: RunState) -> None:
            active[run.dag_id, run.run_id] = run
            if run.state in ENDED:
                del active[run.dag_id, run.run_id]
            _tell(console, run, seen, but="running")
            live.update(Group(*(line for each in active.values() for line in _running(each, seen))))

        yield watch


def saying(console: Console) -> Say:
    """Lines about the runs, among those of their tasks."""
    return lambda text: console.print(f"assay: {text}", soft_wrap=True)


def _tell(console: Console, run: RunState, seen: dict[Key, float], but: str = "") -> None:
    """Print each state of each task once."""
    for task in run.tasks:
        key = _key(run, task)
        if task.state not in (*UNTOLD_STATES, but) and key not in seen:
            seen[key] = time.monotonic()
            done = None if task.state == "running" else task.seconds
            console.print(_line(run, task, done), soft_wrap=True)


def _running(run: RunState, seen: dict[Key, float]) -> Iterator[Text]:
    for task in run.tasks:
        if task.state == "running":
            began = seen.setdefault(_key(run, task), time.monotonic())
            yield _line(run, task, time.monotonic() - began)


def _line(run: RunState, task: TaskState, seconds: float | None) -> Text:
    line = Text(f"{run.dag_id:<18} {task.task_id:<16} ")
    line.append(f"{task.state:<10}", STYLES.get(task.state, "dim"))
    return line.append("" if seconds is None else f" {seconds:.1f} s")


def _key(run: RunState, task: TaskState) -> Key:
    return run.dag_id, run.run_id, task.task_id, task.state, task.try_number
