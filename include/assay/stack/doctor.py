"""What this machine lacks for the embedded stack, and how to get it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable

import psutil

from assay.errors import StackError
from assay.settings import Settings
from assay.stack import others
from assay.stack.finding import Finding
from assay.stack.jars import job_groups, locked_jars, sha256_of
from assay.stack.java import ensure_java
from assay.stack.lake import objects
from assay.stack.paths import existing_part
from assay.stack.ports import FIRST_CHOICE, is_free, load_ports, next_free_port
from assay.stack.postgres import PROGRAMS, check_reach, server_user
from assay.stack.processes import find_supervisor
from assay.stack.spark import MEMORY_BESIDE_SPARK
from assay.stack.storage import lake_storage

GIB = 1 << 30
NEEDED_DISK = 2 * GIB


def examine(settings: Settings) -> list[Finding]:
    """Look at everything that the first run needs; in a container, at what this one needs."""
    checks: list[Callable[[Settings], Finding]] = [_python, _disk, _memory, _permissions]
    checks += [lake_storage, *([objects] if "s3" in job_groups(settings) else []), _java, _jars]
    if settings.runs_elsewhere:
        checks += [others.postgres, others.airflow, others.spark]
    else:
        checks += [_make, _postgres, _ports]
    return [check(settings) for check in checks]


def _python(_: Settings) -> Finding:
    return Finding("python", f"{sys.version.split()[0]} at {sys.executable}")


def _make(_: Settings) -> Finding:
    path = shutil.which("make")
    how = "install make (Debian: apt install make; macOS: xcode-select --install)"
    return Finding("make", path or "not found", "" if path else how)


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(existing_part(settings.home)).free
    enough = free >= NEEDED_DISK
    remedy = "" if enough else f"free {NEEDED_DISK // GIB} GB, or set ASSAY_HOME to a larger disk"
    return Finding("disk", f"{free / GIB:.1f} GB free for {settings.home}", remedy)


def _memory(settings: Settings) -> Finding:
    total = psutil.virtual_memory().total
    enough = total >= settings.driver_bytes + MEMORY_BESIDE_SPARK
    smaller = max(1, (total - MEMORY_BESIDE_SPARK) // GIB)
    remedy = "" if enough else f"set ASSAY_DRIVER_MEMORY={smaller}g"
    return Finding("memory", f"{total / GIB:.1f} GB, {settings.driver_memory} for Spark", remedy)


def _permissions(settings: Settings) -> Finding:
    folder = existing_part(settings.home)
    writable = os.access(folder, os.W_OK | os.X_OK)
    remedy = "" if writable else f"make {folder} writable, or set ASSAY_HOME to a folder of yours"
    return Finding("permissions", f"{folder} is {'' if writable else 'not '}writable", remedy)


def _java(settings: Settings) -> Finding:
    try:
        java = ensure_java(settings)
    except (StackError, OSError) as error:
        return Finding("java", "not usable", str(error))
    return Finding("java", f"{java.version} at {java.home}")


def _jars(settings: Settings) -> Finding:
    jars = [jar for group in job_groups(settings) for jar in locked_jars(group)]
    paths = {settings.jars / jar.file_name: jar.sha256 for jar in jars}
    present = {path: digest for path, digest in paths.items() if path.is_file()}
    wrong = [path.name for path, digest in present.items() if sha256_of(path) != digest]
    if wrong:
        return Finding("jars", f"damaged: {', '.join(wrong)}", "run make up, which fetches them")
    found = f"{len(present)} of {len(jars)} fetched"
    return Finding("jars", found if len(present) == len(jars) else f"{found}; make up fetches them")


def _postgres(settings: Settings) -> Finding:
    try:
        user = server_user()
        if user:
            check_reach(existing_part(settings.home), user)
    except StackError as error:
        return Finding("postgres", "cannot run", str(error))
    return Finding("postgres", f"{PROGRAMS / 'postgres'}, run by {user or 'you'}")


def _ports(settings: Settings) -> Finding:
    known = (settings.home / "ports.json").exists()
    ports = dict(load_ports(settings)) if known else dict(FIRST_CHOICE)
    if find_supervisor(settings):
        return Finding("ports", f"in use by the stack: {_list_ports(ports)}")
    try:
        free = {name: next_free_port(port, set()) for name, port in ports.items()}
    except StackError as error:
        return Finding("ports", "none free", str(error))
    taken = [str(port) for port in ports.values() if not is_free(port)]
    note = f" ({', '.join(taken)} taken by others)" if taken else ""
    return Finding("ports", f"to be used: {_list_ports(free)}{note}")


def _list_ports(ports: dict[str, int]) -> str:
    return ", ".join(f"{name} {port}" for name, port in ports.items())
