"""Following runs of DAGs to their end: one that was asked for, or all that come to be."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import takewhile
from math import inf

from assay.airflow_client.runs import ENDED, AirflowRuns, RunState
from assay.errors import StackError
from assay.words import Say

POLL_SECONDS = 0.5
Watch = Callable[[RunState], None]


def follow_run(
    runs: AirflowRuns, run_id: str, watch: Watch, say: Say, timeout: float = inf
) -> tuple[RunState, list[str]]:
    """Follow one run to its end. Returns its last state, and the runs that it had to wait for.

    Those are watched while it waits, and their failure is said, but is none of this run's.
    Raises StackError after `timeout` seconds; the run goes on then.
    """
    deadline = time.monotonic() + timeout
    before: dict[str, RunState | None] = {}
    while True:
        own = runs.state(run_id)
        if own.state == "queued":
            for other in takewhile(lambda each: each != run_id, runs.active_runs()):
                if other not in before:
                    say(f"{run_id} waits for {other} of {runs.dag_id}, which is under way")
                before.setdefault(other, None)
        _watch_others(runs, before, watch, say)
        watch(own)
        if own.state in ENDED:
            return own, [*before]
        if time.monotonic() > deadline:
            tasks = [task.task_id for task in own.tasks if task.state == "running"]
            at = f" in {', '.join(tasks)}" if tasks else ""
            raise StackError(
                f"run {run_id} of {runs.dag_id} is {own.state}{at} after {timeout:.0f} s, and goes"
                " on; Airflow's page shows it (assay url), and assay batch list what becomes of it"
            )
        time.sleep(POLL_SECONDS)


def _watch_others(
    runs: AirflowRuns, others: dict[str, RunState | None], watch: Watch, say: Say
) -> None:
    for run_id, known in others.items():
        if known is None or known.state not in ENDED:
            others[run_id] = state = runs.state(run_id)
            watch(state)
            if state.state == "failed":
                say(f"{run_id} of {runs.dag_id} failed; the run that waited for it goes on")


def follow_everything(
    wanted: Mapping[AirflowRuns, list[str]], watch: Watch, linger: float = 0
) -> list[RunState]:
    """Follow the wanted runs, and all that are active meanwhile, until none is or one fails.

    After the last one it waits `linger` seconds for runs that the releases start.
    """
    known: dict[tuple[str, str], RunState] = {}
    last_seen = time.monotonic()
    while True:
        for runs, first in wanted.items():
            met = [run_id for dag_id, run_id in known if dag_id == runs.dag_id]
            for run_id in dict.fromkeys([*first, *runs.active_runs(), *met]):
                state = known.get((runs.dag_id, run_id))
                if state is None or state.state not in ENDED:
                    known[runs.dag_id, run_id] = state = runs.state(run_id)
                    watch(state)
                    last_seen = time.monotonic()
        states = {run.state for run in known.values()}
        is_quiet = states <= {*ENDED} and time.monotonic() >= last_seen + linger
        if is_quiet or "failed" in states:
            return [*known.values()]
        time.sleep(POLL_SECONDS)
