"""Where the gateway is, and whether it is well: for those who start it, and for those who ask."""

from __future__ import annotations

import httpx

from assay.errors import StackError
from assay.home.ports import load_ports
from assay.settings import LOOPBACK, Settings

NAME_IN_CONTAINERS, PORT_IN_CONTAINERS = "gateway", 8090
PATIENCE = 5.0  # seconds


def gateway_address(settings: Settings) -> tuple[str, int]:
    """Where the gateway listens. Raises StackError when the stack was never started with one."""
    if settings.runs_elsewhere:
        return settings.listen, PORT_IN_CONTAINERS
    ports = load_ports(settings)
    if "gateway" not in ports:
        raise StackError("this stack was started before it had a gateway; run make down, make up")
    return settings.listen, ports["gateway"]


def gateway_url(settings: Settings) -> str:
    """Its address for producers, as they see it; empty while the stack has no port for it."""
    return (settings.gateway_page or "").rstrip("/") or url_inside(settings)


def url_inside(settings: Settings) -> str:
    """Its address for programs of the stack; empty while the stack has no port for it."""
    if settings.runs_elsewhere:
        return f"http://{NAME_IN_CONTAINERS}:{PORT_IN_CONTAINERS}"
    try:
        return f"http://{LOOPBACK}:{gateway_address(settings)[1]}"
    except StackError:
        return ""


def is_well(settings: Settings) -> bool:
    """Whether it answers, and hands over."""
    try:
        return httpx.get(f"{url_inside(settings)}/health", timeout=PATIENCE).is_success
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
