"""Ports of this machine for the tests' own servers, which no two test processes choose alike.

Between the choice of a port and the start of its server another may take it: a test process that
chooses at the same moment, or the system for any outgoing connection. So each process chooses from
a block of its own, below the ports that Linux and macOS give to connections (from 32768 on).
"""

from __future__ import annotations

import os
from itertools import cycle, islice

from assay.home.ports import is_free

FIRST, EACH, BLOCKS = 18000, 100, 140  # neighbouring process ids never share a block
_of_this_process: dict[int, cycle[int]] = {}


def free_ports(count: int) -> list[int]:
    """So many ports that nobody listens on, and that were not chosen lately."""
    process = os.getpid()
    first = FIRST + process % BLOCKS * EACH
    block = _of_this_process.setdefault(process, cycle(range(first, first + EACH)))
    found = [*islice(filter(is_free, islice(block, EACH)), count)]
    assert len(found) == count, f"ports {first} to {first + EACH - 1} are all taken"
    return found


def free_port() -> int:
    """A port that nobody listens on."""
    return free_ports(1)[0]
