"""A gateway as a process of its own: gateway_process.py HOME PORT URI; tests kill it."""

from __future__ import annotations

import dataclasses
import os
import sys

import psycopg

from assay.gateway.app import make_app
from assay.gateway.limits import Limits
from assay.gateway.serve import run_server
from assay.settings import load_settings


def main(home: str, port: int, uri: str, read_seconds: float) -> None:
    """Serve as `assay gateway serve` does, on the Postgres of the tests."""
    settings = load_settings({**os.environ, "ASSAY_HOME": home})
    limits = dataclasses.replace(Limits(), read_seconds=read_seconds)
    app = make_app(settings, lambda: psycopg.connect(uri, autocommit=True), limits)
    run_server(app, "127.0.0.1", port, limits)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4]))
