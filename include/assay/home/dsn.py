"""How our roles log in to Postgres."""

from __future__ import annotations

from assay.home.credentials import load_credentials
from assay.home.ports import address
from assay.settings import Settings


def dsn(settings: Settings, role: str, database: str = "assay") -> str:
    """A libpq URI for one of our roles. It holds the password: never print it."""
    password = load_credentials(settings)[role]
    host, port = address(settings, "postgres")
    return f"postgresql://{role}:{password}@{host}:{port}/{database}"
