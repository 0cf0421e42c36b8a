"""The process of the gateway: uvicorn with our limits, until it is asked to end."""

from __future__ import annotations

from typing import Any

import psycopg
import uvicorn

from assay.errors import StackError
from assay.gateway.address import gateway_address
from assay.gateway.app import make_app
from assay.gateway.limits import Limits
from assay.gateway.protocol import LimitedProtocol
from assay.home.dsn import dsn
from assay.settings import Settings

ROLE = "assay_gateway"
KEEP_ALIVE, GRACE = 15, 20  # seconds


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; what was taken by then is committed and answered first."""
    limits = Limits()
    address = dsn(settings, ROLE)

    def connect() -> psycopg.Connection[Any]:
        return psycopg.connect(address, autocommit=True, application_name="assay gateway")

    host, port = gateway_address(settings)
    run_server(make_app(settings, connect, limits), host, port, limits)


def run_server(app: Any, host: str, port: int, limits: Limits) -> None:
    """Run uvicorn with the application."""
    LimitedProtocol.most_connections = limits.connections
    LimitedProtocol.write_seconds = limits.read_seconds
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=LimitedProtocol,
        ws="none",
        loop="uvloop",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )
    server = uvicorn.Server(config)
    server.run()
    if not server.started:
        raise StackError("the gateway did not start; what it said before says why")
