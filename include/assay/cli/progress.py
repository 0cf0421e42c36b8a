"""Live progress of a run: one line per task, redrawn on a terminal, appended elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from assay.airflow_runs import RunState, TaskState
from assay.demo import Watch

STYLES = {"success": "green", "failed": "red", "upstream_failed": "red", "running": "yellow"}
QUIET_STATES = ("none", "scheduled", "queued")


@contextmanager
def watch_tasks(console: Console) -> Iterator[Watch]:
    """Show the tasks of whatever run is passed in, until the block ends."""
    if console.is_terminal:
        shown: dict[str, RunState] = {}
        with Live(console=console, refresh_per_second=4) as live:
            yield lambda run: live.update(_tables(shown, run))
    else:
        told: set[tuple[str, str, str, int]] = set()
        yield lambda run: _tell(console, run, told)


def _tables(shown: dict[str, RunState], run: RunState) -> Group:
    """All runs seen so far that have begun, each with a line per task."""
    shown[run.run_id] = run
    return Group(*(_table(each) for each in shown.values() if each.state != "queued"))


def _table(run: RunState) -> Table:
    table = Table(
        "task",
        "state",
        "seconds",
        title=f"{run.dag_id} {run.run_id}",
        title_justify="left",
        box=None,
    )
    for task in run.tasks:
        style = STYLES.get(task.state, "dim")
        table.add_row(task.task_id, f"[{style}]{task.state}[/]", _seconds(task))
    return table


def _tell(console: Console, run: RunState, told: set[tuple[str, str, str, int]]) -> None:
    for task in run.tasks:
        key = (run.run_id, task.task_id, task.state, task.try_number)
        if task.state not in QUIET_STATES and key not in told:
            told.add(key)
            console.print(
                f"{run.dag_id:<18} {task.task_id:<16} {task.state:<10} {_seconds(task)}",
                highlight=False,
                soft_wrap=True,
            )


def _seconds(task: TaskState) -> str:
    return "" if task.seconds is None or task.state == "running" else f"{task.seconds:.1f} s"
