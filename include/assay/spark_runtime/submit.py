"""`assay-spark-submit`: spark-submit for one Spark job at a time, that dies with its task.

It locks the file named by ASSAY_SPARK_LOCK (ASSAY_SPARK_HOLDER says for whom) and becomes the JVM
with the file still open, so that the lock is held until that JVM is dead, whatever happens to the
task, its shell or Airflow. Where ASSAY_SPARK_MASTER names a server, it becomes the client instead:
what a dead one has left running there is ended by its successor (`spark_jobs.lakehouse.session`).
Secrets of the parent's environment are not handed on. What the job makes has the modes that
ASSAY_SPARK_UMASK leaves.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from assay.errors import BatchError, StackError
from assay.events.context import known
from assay.events.event import Event, Failed, Progress
from assay.events.sinks import Lines
from assay.home.paths import without_secrets
from assay.home.processes import die_with_parent
from assay.settings import load_settings
from assay.spark_runtime.server import access, run_in_host

LOCK_IS_BUSY = 75


def main() -> None:
    """Become spark-submit, under the lock."""
    parent = os.getppid()
    arguments = sys.argv[1:]
    lock = os.environ.get("ASSAY_SPARK_LOCK")
    if lock:
        hold_lock(Path(lock), _label(arguments), _patience(os.environ))
    die_with_parent(parent)
    if os.environ.get("ASSAY_SPARK_UMASK"):
        os.umask(int(os.environ["ASSAY_SPARK_UMASK"], 8))
    settings = load_settings()
    environment = without_secrets(os.environ)
    if not settings.is_remote:
        program = str(Path(sys.prefix) / "bin" / "spark-submit")
        os.execve(program, [program, *arguments], environment)  # noqa: S606
    # What SparkSubmitOperator says before the application is for a JVM that is not started.
    application = next(n for n, word in enumerate(arguments) if word.endswith(".py"))
    command, environment = arguments[application:], {**environment, **access(settings)}
    if settings.is_warm:
        try:
            sys.exit(run_in_host(settings, command, environment))
        except StackError as error:
            _tell(Failed(type(error).__name__, str(error)))
            sys.exit(1)
    os.execve(sys.executable, [sys.executable, *command], environment)  # noqa: S606


def hold_lock(path: Path, label: str, patience: float) -> int:
    """Lock the file for this process and what it becomes; write down who holds it.

    Waits up to `patience` seconds, then exits with a line that names the holder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + patience
    told = False
    while True:
        try:
            # Of this process alone: a helper that a killed JVM leaves behind has the file open too.
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            holder = path.read_text().strip() or "an unnamed process"
        if time.monotonic() >= deadline:
            why = (
                f"the Spark lock {path} is held by {holder}; gave up after "
                f"{patience:.0f} s. Wait for that job, or end it, and clear this task"
            )
            _tell(Failed("LockIsBusy", why))
            sys.exit(LOCK_IS_BUSY)
        if not told:
            text = f"waiting up to {patience:.0f} s for the Spark lock, held by {holder}"
            _tell(Progress(text))
            told = True
        time.sleep(0.2)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"pid {os.getpid()} ({label})\n".encode(), 0)
    os.set_inheritable(descriptor, True)
    return descriptor


@contextmanager
def spark_lock(path: Path, label: str) -> Iterator[None]:
    """Hold the lock in this process: no JVM and no client of a job is alive, and none starts.

    Raises BatchError when a job does not end in time.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + _patience(os.environ)
    with path.open("a+") as lock:
        while True:
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    holder = path.read_text().strip() or "a job"
                    raise BatchError(
                        f"{path}: {holder} is still at work; let it end, or end it, and try again"
                    ) from None
            time.sleep(0.2)
        lock.truncate(0)
        lock.write(f"pid {os.getpid()} ({label})\n")
        lock.flush()
        yield


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock: the JVM or the client of a job."""
    if not path.is_file():
        return False
    with path.open("r+") as lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _label(arguments: list[str]) -> str:
    if os.environ.get("ASSAY_SPARK_HOLDER"):
        return os.environ["ASSAY_SPARK_HOLDER"]
    named = arguments[arguments.index("--name") + 1 :] if "--name" in arguments else []
    return named[0] if named else "spark-submit"


def _patience(environ: Mapping[str, str]) -> float:
    text = environ.get("ASSAY_SPARK_LOCK_WAIT") or "60"
    try:
        return float(text)
    except ValueError:
        sys.exit(f"assay: ASSAY_SPARK_LOCK_WAIT={text!r} is not a number of seconds")


def _tell(event: Event) -> None:
    """On standard error, also for a Spark job that waits for the lock itself."""
    Lines(to_error=True, mark="assay: ").write(event, known())


if __name__ == "__main__":
    main()
