"""Starts the clients of the warm Spark: client_host.py SOCKET. What they import is imported once.

A gate alone imports for seconds, so a client is a fork of this process, which has done so. A
client dies with its launcher (`assay.spark_runtime.submit`), as it would as a child of that. When
the server has taken too much memory, no client is started until those at work have ended and the
server has started anew.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from assay.events.event import Progress
from assay.events.sinks import emit
from assay.settings import Settings, load_settings
from assay.spark_runtime.server import end_server, is_due, is_listening

LONGEST_READ = 1 << 16
OUTPUTS = 2
PATIENCE = 120.0  # seconds for the server to start anew
LOOK_EVERY = 0.02  # seconds between two looks for clients that have ended
NEEDED = ("great_expectations", "pyspark.sql.connect.session", "spark_jobs.chain")


@dataclass(frozen=True)
class Client:
    """A fork at work, and the launcher that waits for it."""

    pid: int
    launcher: socket.socket


def main(path: str) -> None:
    """Serve until ended. The socket is for our own OS user alone."""
    for module in NEEDED:
        import_module(module)
    gc.freeze()
    Path(path).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        before = os.umask(0o177)
        listener.bind(path)
        os.umask(before)
        listener.listen()
        _serve(listener, load_settings())


def _serve(listener: socket.socket, settings: Settings) -> None:
    clients: dict[int, Client] = {}
    with selectors.DefaultSelector() as ready:
        ready.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select(LOOK_EVERY if clients else None):
                if key.fileobj is listener:
                    if is_due(settings):
                        if clients:
                            time.sleep(LOOK_EVERY)  # who asks waits in the backlog
                            continue
                        _restart_server(settings)
                    client = _start(listener)
                    if client:
                        clients[client.pid] = client
                        ready.register(client.launcher, selectors.EVENT_READ, client.pid)
                elif key.data in clients:  # a launcher says nothing more; it is gone
                    os.kill(key.data, signal.SIGKILL)
                    ready.unregister(key.fileobj)
            for pid in [*clients]:
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    _tell_end(clients.pop(pid), status, ready)


def _restart_server(settings: Settings) -> None:
    limit = settings.server_limit >> 20
    emit(Progress(f"the server has more than {limit} MB: starting it anew"))
    end_server(settings)
    deadline = time.monotonic() + PATIENCE
    while not is_listening(settings) and time.monotonic() < deadline:
        time.sleep(0.1)


def _tell_end(client: Client, status: int, ready: selectors.BaseSelector) -> None:
    if client.launcher in ready.get_map():
        ready.unregister(client.launcher)
        with suppress(OSError):  # it was killed a moment ago
            client.launcher.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    client.launcher.close()


def _start(listener: socket.socket) -> Client | None:
    """Fork a client for the next launcher; None when that asked for nothing, or is gone."""
    launcher, _ = listener.accept()
    request, outputs, _, _ = socket.recv_fds(launcher, LONGEST_READ, OUTPUTS)
    while request and not request.endswith(b"\n"):  # a long one comes in pieces
        more = launcher.recv(LONGEST_READ)
        request = request + more if more else b""
    if not request:
        for descriptor in outputs:
            os.close(descriptor)
        launcher.close()
        return None
    pid = os.fork()
    if pid == 0:
        listener.close()
        launcher.close()
        os._exit(_run(request, outputs))
    for descriptor in outputs:
        os.close(descriptor)
    return Client(pid, launcher)


def _run(request: bytes, outputs: list[int]) -> int:
    """In the fork: become the program that was asked for. Returns its exit code."""
    os.setsid()
    for descriptor, standard in zip(outputs, (1, 2), strict=True):
        os.dup2(descriptor, standard)
    asked = json.loads(request)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    sys.argv = asked["command"]
    code = 0
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        code = _code_of(end)
    except BaseException:  # noqa: BLE001  # a fork must not go on as its parent
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _code_of(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return 1


if __name__ == "__main__":
    main(sys.argv[1])
