"""The TCP ports of the embedded stack: the same after a restart, unless taken by another."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from contextlib import closing

from assay.environment import Address
from assay.errors import StackError
from assay.settings import LOOPBACK, Settings
from assay.storage.files import write_whole

HOST = LOOPBACK
FIRST_CHOICE = {"airflow": 8080, "postgres": 5432, "spark": 15002, "gateway": 8090}
OF_THE_BROKER = {"kafka": 9092, "kafka-controller": 9093}  # of clients, and of itself
TRIES = 200


def first_choice(settings: Settings) -> Mapping[str, int]:
    """The port that each part of this stack would like, by its name."""
    return {**FIRST_CHOICE, **(OF_THE_BROKER if settings.own_broker else {})}


def load_ports(settings: Settings) -> Mapping[str, int]:
    """The ports in use. Raises StackError when the stack was never started."""
    path = settings.home / "ports.json"
    try:
        ports: dict[str, int] = json.loads(path.read_text())
    except FileNotFoundError:
        raise StackError(f"the stack in {settings.home} was never started; run make up") from None
    except ValueError as error:
        raise StackError(f"{path} is not JSON ({error}); remove it and run make up") from error
    return ports


def address(settings: Settings, service: str) -> Address:
    """Host and port of `airflow` or `postgres`: as set, else those of the embedded stack."""
    given = {"airflow": settings.airflow, "postgres": settings.postgres}[service]
    return given or (HOST, load_ports(settings)[service])


def choose_ports(settings: Settings, say: Callable[[str], None]) -> Mapping[str, int]:
    """Keep the ports of the last start when they are free, else take the next free ones."""
    path = settings.home / "ports.json"
    last = load_ports(settings) if path.exists() else {}
    ports: dict[str, int] = {}
    for name, first in first_choice(settings).items():
        wanted = last.get(name, first)
        ports[name] = next_free_port(wanted, set(ports.values()))
        if ports[name] != wanted:
            say(f"port {wanted} is taken; {name} uses {ports[name]}")
    if ports != last:
        write_whole(path, json.dumps({**last, **ports}))  # a part left out today keeps its port
    return ports


def next_free_port(first: int, taken: set[int]) -> int:
    """The first port from `first` on that nobody listens on."""
    for port in range(first, min(first + TRIES, 65536)):
        if port not in taken and is_free(port):
            return port
    raise StackError(f"no free port from {first} to {first + TRIES} on {HOST}; end what uses them")


def is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        # A connection that a server closed a moment ago must not look like a listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
