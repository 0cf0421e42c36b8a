"""Finding and ending processes of the stack, also those that lost their parent."""

from __future__ import annotations

import ctypes
import hashlib
import os
import signal
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import psutil

from assay.errors import StackError
from assay.home.postgres_place import data_folder
from assay.settings import Settings

MARKER = "ASSAY_STACK"
PATIENCE = 10.0
PR_SET_PDEATHSIG = 1
LONGEST_SOCKET = 90  # the system allows 104 to 108, and the supervisor adds to it


def working_folder(settings: Settings) -> Path:
    """Where the processes of Airflow, and so every Spark job, have their working directory.

    Together with the marker in the environment it tells our processes from all others:
    programs that change their title destroy the environment that others can see of them.
    """
    return settings.home / "run" / "here"


def short_socket(settings: Settings, name: str) -> Path:
    """Where a socket of the stack lies; one with too long a path, in the temporary folder."""
    path = settings.home / "run" / name
    if len(os.fsencode(path)) <= LONGEST_SOCKET:
        return path
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"assay-{os.geteuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.geteuid() or folder.is_symlink():
        raise StackError(f"{folder} belongs to somebody else; set ASSAY_HOME to a shorter path")
    return folder / name[:2]


def marker(settings: Settings) -> dict[str, str]:
    return {MARKER: str(settings.home)}


def find_supervisor(settings: Settings) -> psutil.Process | None:
    """The living supervisor of this home; a stale pid file is no supervisor."""
    try:
        pid = int((settings.home / "run" / "supervisord.pid").read_text())
        process = psutil.Process(pid)
        ours = str(settings.home / "run" / "supervisord.conf") in process.cmdline()
    except (OSError, ValueError, psutil.Error):
        return None
    return process if ours and _is_alive(process) else None


def find_ours(settings: Settings) -> list[psutil.Process]:
    """Every living process of this home's stack but Postgres, the supervisor and ourselves."""
    me = psutil.Process()
    not_ours = {me.pid, *(parent.pid for parent in me.parents())}
    supervisor = find_supervisor(settings)
    if supervisor:
        not_ours.add(supervisor.pid)
    return [
        process
        for process in psutil.process_iter()
        if process.pid not in not_ours and _belongs(process, settings)
    ]


def _belongs(process: psutil.Process, settings: Settings) -> bool:
    try:
        if process.cwd() == str(working_folder(settings)):
            return True
        return process.environ().get(MARKER) == str(settings.home)
    except psutil.Error:
        return False


def end_processes(processes: Iterable[psutil.Process]) -> int:
    """Terminate, then kill. Returns how many there were."""
    living = [process for process in processes if _is_alive(process)]
    for process in living:
        _send(process, signal.SIGTERM)
    _, stubborn = psutil.wait_procs(living, timeout=PATIENCE)
    for process in stubborn:
        _send(process, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=PATIENCE)
    return len(living)


def end_orphans(settings: Settings) -> int:
    """End what a killed supervisor left behind, Postgres last and cleanly."""
    ended = end_processes(find_ours(settings))
    postgres = find_postgres(settings)
    if postgres:
        _send(postgres, signal.SIGINT)
        _, stubborn = psutil.wait_procs([postgres], timeout=60)
        end_processes(stubborn)
        ended += 1
    return ended


def find_postgres(settings: Settings) -> psutil.Process | None:
    """The living server of our cluster, by its pid file."""
    folder = data_folder(settings)
    try:
        pid = int((folder / "postmaster.pid").read_text().splitlines()[0])
        process = psutil.Process(pid)
        ours = str(folder) in process.cmdline()
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return process if ours and _is_alive(process) else None


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process, and what it becomes, when its parent dies.

    Else a killed job would go on. `parent` is who that was; ends the process if it is gone already.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    found = os.getppid()
    if found != parent if parent else found == 1:
        sys.exit("what started this job is gone; not starting it")


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _send(process: psutil.Process, number: int) -> None:
    if process.pid in (os.getpid(), 1):
        return
    try:
        process.send_signal(number)
    except psutil.Error:
        return
