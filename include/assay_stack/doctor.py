"""What this machine lacks for the embedded stack, and how to get it."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from assay.errors import StackError
from assay.gateway.address import gateway_url, is_well
from assay.home.ports import first_choice, load_ports
from assay.home.processes import find_supervisor
from assay.settings import MEMORY_BESIDE_SPARK, Settings
from assay.spark_runtime.jars import jar_folder, job_groups, locked_jars, sha256_of
from assay.spark_runtime.java import ensure_java
from assay.spark_runtime.server import find_server
from assay.storage.file_system import lake_storage
from assay.storage.finding import Finding
from assay.storage.lake_claim import objects
from assay_stack import others, preflight
from assay_stack.kafka import kafka_state
from assay_stack.programs import GATEWAY, SPARK, log_file


def examine(settings: Settings) -> list[Finding]:
    """Look at everything that the first run needs; in a container, at what this one needs."""
    checks: list[Callable[[Settings], Finding]] = [
        preflight.python,
        preflight.disk,
        preflight.memory,
        preflight.permissions,
    ]
    checks += [lake_storage, *([objects] if "s3" in job_groups(settings) else []), _java, _jars]
    if settings.runs_elsewhere:
        checks += [others.postgres, others.airflow, others.spark, others.gateway]
    else:
        checks += [_make, preflight.postgres, _spark, _ports]
        checks += [_gateway] if settings.gateway else []
    checks += [_kafka] if settings.uses_kafka else []
    return [check(settings) for check in checks]


def _make(_: Settings) -> Finding:
    path = shutil.which("make")
    how = "install make (Debian: apt install make; macOS: xcode-select --install)"
    return Finding("make", path or "not found", "" if path else how)


def _java(settings: Settings) -> Finding:
    try:
        java = ensure_java(settings)
    except (StackError, OSError) as error:
        return Finding("java", "not usable", str(error))
    return Finding("java", f"{java.version} at {java.home}")


def _jars(settings: Settings) -> Finding:
    groups = job_groups(settings)
    groups += ["kafka"] if settings.uses_kafka else []
    groups += ["broker"] if settings.own_broker else []
    jars = [jar for group in groups for jar in locked_jars(group)]
    paths = {jar_folder(settings, jar.group) / jar.file_name: jar.sha256 for jar in jars}
    present = {path: digest for path, digest in paths.items() if path.is_file()}
    wrong = [path.name for path, digest in present.items() if sha256_of(path) != digest]
    if wrong:
        return Finding("jars", f"damaged: {', '.join(wrong)}", "run make up, which fetches them")
    found = f"{len(present)} of {len(jars)} fetched"
    return Finding("jars", found if len(present) == len(jars) else f"{found}; make up fetches them")


def _spark(settings: Settings) -> Finding:
    """Where jobs find Spark, and whether the machine is large enough for a warm one."""
    if not settings.is_warm:
        return Finding("spark", settings.spark_master)
    limit = f"{settings.server_limit / preflight.GIB:.1f} GB"
    if preflight.total_memory() < settings.server_limit + MEMORY_BESIDE_SPARK:
        remedy = "set ASSAY_SPARK_MASTER=local[*], whose jobs give their memory back when they end"
        return Finding("spark", f"a warm server keeps up to {limit}, too much here", remedy)
    server = find_server(settings)
    if server:
        held = server.memory_info().rss / preflight.GIB
        return Finding("spark", f"warm, {held:.1f} GB now; starts anew at {limit}")
    if find_supervisor(settings):
        return Finding("spark", "the server does not run", f"see {log_file(settings, SPARK)}")
    return Finding("spark", f"warm; make up starts it, starts anew at {limit}")


def _gateway(settings: Settings) -> Finding:
    """Whether the HTTP gateway, where one is asked for, takes records."""
    if not find_supervisor(settings):
        return Finding("gateway", "make up starts it")
    url = gateway_url(settings)
    if is_well(settings):
        return Finding("gateway", f"{url} takes records")
    remedy = f"run make up, or see {log_file(settings, GATEWAY)}"
    return Finding("gateway", f"{url or 'the gateway'} does not answer", remedy)


def _kafka(settings: Settings) -> Finding:
    return kafka_state(settings, is_up=find_supervisor(settings) is not None)


def _ports(settings: Settings) -> Finding:
    if not find_supervisor(settings):
        return preflight.ports(settings)
    ports = load_ports(settings)
    wanted = [name for name in first_choice(settings) if name in ports]
    listed = ", ".join(f"{name} {ports[name]}" for name in wanted)
    return Finding("ports", f"in use by the stack: {listed}")
