"""What the first second of a start can tell. Standard library only.

The bootstrap asks before it fetches a package, and every `assay up` before it does anything.
"""

from __future__ import annotations

import os
import shutil
import sys

from assay.errors import StackError
from assay.home.ports import first_choice, is_free, load_ports, next_free_port
from assay.home.postgres_place import choose_data_folder, data_folder, server_user
from assay.settings import MEMORY_BESIDE_SPARK, Settings
from assay.storage.files import existing_part
from assay.storage.finding import Finding

GIB = 1 << 30
NEEDED_DISK = 2 * GIB


def require_machine(settings: Settings) -> None:
    """Raises StackError, with the remedy of each, when the machine cannot run the stack."""
    checks = (permissions, disk, memory, postgres, ports)
    unmet = [found for found in (check(settings) for check in checks) if not found.ok]
    if unmet:
        raise StackError("\n".join(f"{each.found}; {each.remedy}" for each in unmet))


def python(_: Settings) -> Finding:
    return Finding("python", f"{sys.version.split()[0]} at {sys.executable}")


def permissions(settings: Settings) -> Finding:
    """Whether the home can be made, or written to."""
    folder = existing_part(settings.home)
    writable = folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    remedy = "" if writable else f"make {folder} writable, or set ASSAY_HOME to a folder of yours"
    return Finding("permissions", f"{folder} is {'' if writable else 'not '}writable", remedy)


def disk(settings: Settings) -> Finding:
    """Free space for the home, and where Postgres' data is if that is elsewhere."""
    data = data_folder(settings)
    used = [settings.home, *([] if data.is_relative_to(settings.home) else [data])]
    free, place = min((shutil.disk_usage(existing_part(place)).free, place) for place in used)
    enough = free >= NEEDED_DISK
    remedy = "" if enough else f"free {NEEDED_DISK // GIB} GB, or set ASSAY_HOME to a larger disk"
    return Finding("disk", f"{free / GIB:.1f} GB free for {place}", remedy)


def total_memory() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def memory(settings: Settings) -> Finding:
    """Whether the machine has what Spark may take, and 2 GiB for the rest."""
    total = total_memory()
    found = f"{total / GIB:.1f} GB of memory, {settings.driver_memory} for Spark"
    if total >= settings.driver_bytes + MEMORY_BESIDE_SPARK:
        return Finding("memory", found)
    smaller = (total - MEMORY_BESIDE_SPARK) // GIB
    remedy = f"set ASSAY_DRIVER_MEMORY={smaller}g" if smaller > 0 else "3 GB are the least"
    return Finding("memory", found, remedy)


def postgres(settings: Settings) -> Finding:
    """Whether there is a place that the OS user of Postgres can reach."""
    try:
        user = server_user()
        folder = choose_data_folder(settings, user)
    except StackError as error:
        return Finding("postgres", "Postgres cannot run", str(error))
    return Finding("postgres", f"run by {user or 'you'}, its data in {folder}")


def ports(settings: Settings) -> Finding:
    """The ports that a start would take."""
    known = (settings.home / "ports.json").exists()
    last = load_ports(settings) if known else {}
    wanted = {name: last.get(name, first) for name, first in first_choice(settings).items()}
    try:
        free = {name: next_free_port(port, set()) for name, port in wanted.items()}
    except StackError as error:
        return Finding("ports", "no port is free", str(error))
    taken = [str(port) for port in wanted.values() if not is_free(port)]
    note = f" ({', '.join(taken)} taken by others)" if taken else ""
    listed = ", ".join(f"{name} {port}" for name, port in free.items())
    return Finding("ports", f"to be used: {listed}{note}")
