"""API keys: made once for a producer, shown once, and looked up at each request.

A key is `akey_<id>_<secret>`. The secret is 256 random bits, so a plain SHA-256 of it gives nothing
away; a slow hash is for what people choose, and would cost more than all the rest of a request.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from assay.errors import RequestRefusedError
from assay.ledger.gateway_keys import GatewayKey

FORM = re.compile(r"akey_([a-z0-9]{8,32})_([A-Za-z0-9_-]{43})")
REMEMBERED_SECONDS = 5.0  # so long a revoked key may still be taken
MOST_REMEMBERED = 10_000
BEARER = "bearer "
HOW = "send the header Authorization: Bearer akey_…"


@dataclass(frozen=True)
class NewKey:
    """A key that was just made; `text` is what the producer gets, and nobody can see again."""

    key_id: str
    text: str
    secret_sha256: str


def make_key() -> NewKey:
    """A new key, which is nowhere yet."""
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    return NewKey(key_id, f"akey_{key_id}_{secret}", _digest(secret))


class Keys:
    """Looks keys up, and remembers for some seconds what it has found, or that there is none."""

    def __init__(self, find: Callable[[str], GatewayKey | None]) -> None:
        self.find = find
        self.known: dict[str, tuple[float, GatewayKey | None]] = {}

    def remembered(self, authorization: str) -> GatewayKey | None:
        """The key of a header, when it was looked up a moment ago; None when it was not.

        Raises RequestRefusedError (401) for what is no good key.
        """
        key_id, secret = _parts(authorization)
        found = self.known.get(key_id)
        if found is None or found[0] < time.monotonic():
            return None
        return _require_good(found[1], secret)

    def look_up(self, authorization: str) -> GatewayKey:
        """The key of a header, as the books have it now.

        Raises RequestRefusedError (401) for what is no good key.
        """
        key_id, secret = _parts(authorization)
        found = self.find(key_id)
        if len(self.known) >= MOST_REMEMBERED:
            self.known.clear()
        self.known[key_id] = time.monotonic() + REMEMBERED_SECONDS, found
        return _require_good(found, secret)


def require_scope(key: GatewayKey, dataset: str, datasets: Sequence[str]) -> None:
    """Raises RequestRefusedError: 403 when the key is not for a dataset, 404 when there is none."""
    if dataset not in key.datasets:
        raise RequestRefusedError(403, f"the key {key.key_id} is not for dataset {dataset!r}")
    if dataset not in datasets:
        raise RequestRefusedError(404, f"there is no dataset {dataset!r}")


def _parts(authorization: str) -> tuple[str, str]:
    given = authorization[len(BEARER) :].strip()
    found = FORM.fullmatch(given)
    if not authorization.lower().startswith(BEARER) or found is None:
        raise RequestRefusedError(401, f"no API key; {HOW}")
    return found[1], found[2]


def _require_good(key: GatewayKey | None, secret: str) -> GatewayKey:
    """One sentence for all that is wrong: who has no key learns nothing about others'."""
    is_right = hmac.compare_digest(key.secret_sha256 if key else "", _digest(secret))
    if key is None or not is_right:
        raise RequestRefusedError(401, "there is no such API key")
    if key.revoked_at is not None:
        raise RequestRefusedError(401, f"the API key {key.key_id} was revoked")
    if key.expires_at is not None and key.expires_at <= datetime.now(UTC):
        raise RequestRefusedError(401, f"the API key {key.key_id} has expired")
    return key


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
