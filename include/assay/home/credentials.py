"""Generated passwords and keys of the embedded stack, in one file that only we can read."""

from __future__ import annotations

import base64
import fcntl
import json
import secrets
from collections.abc import Mapping

from assay.errors import StackError
from assay.settings import Settings
from assay.storage.files import write_whole

# Each name is the Postgres role, the Airflow user, or the key or server that the value is for.
NAMES = (
    "postgres",
    "airflow",
    "assay_owner",
    "assay_loader",
    "assay_reader",
    "assay_gateway",
    "assay_streamer",
    "admin",
    "jwt_secret",
    "api_secret_key",
    "fernet_key",
    "spark",
)


def load_credentials(settings: Settings) -> Mapping[str, str]:
    """Read `secrets.json`; what is not in it yet is generated.

    Raises StackError when the file cannot be read as what it is.
    """
    path = settings.secrets
    settings.locks.mkdir(parents=True, exist_ok=True)
    with (settings.locks / "secrets.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        except (ValueError, PermissionError) as error:
            raise StackError(
                f"{path} cannot be read ({error}); it belongs to the user who ran make up first. "
                f"Be that user, or remove {settings.home} for a full reset"
            ) from error
        if any(name not in known for name in NAMES):
            known = {**{name: _generate(name) for name in NAMES}, **known}
            write_whole(path, json.dumps(known, indent=1), mode=0o600)
    return known


def _generate(name: str) -> str:
    """Letters, digits, - and _ only: usable in a URI as it is."""
    if name == "fernet_key":
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    if name in ("jwt_secret", "api_secret_key"):
        return secrets.token_urlsafe(72)
    return secrets.token_urlsafe(18)
