"""Whose lake it is: a lake on S3 is written by one stack, which is the one that has its ledger.

Delta's own store for S3 replaces a version that another driver has just written. What keeps
drivers apart, the lease and the file locks, is of one stack; so no second one may come near.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import uuid4

from assay.errors import StackError
from assay.files import write_whole
from assay.objects import ObjectPath, create, read_bytes
from assay.settings import Settings

OWNER = "_assay/owner.json"
HERE = "this machine"


def claim_lake(settings: Settings) -> None:
    """Make the lake this stack's own, or see that it is.

    Raises StackError when another stack has it, when this one's ledger is of another lake, or
    when the object store lets an object be created twice.
    """
    record = settings.home / "lake.json"
    known = json.loads(record.read_text()) if record.is_file() else {}
    wanted = str(settings.lake_address or HERE)
    told = known.get("lake") or (HERE if (settings.home / "lake").is_dir() else wanted)
    if told != wanted:
        raise StackError(
            f"the ledger in {settings.home} is of the lake on {told}, but ASSAY_LAKE says {wanted};"
            " set ASSAY_LAKE as it was, or give the other lake an ASSAY_HOME of its own"
        )
    if settings.lake_address and not known:
        known = {"lake": wanted, "stack": uuid4().hex}
        write_whole(record, json.dumps(known))
    if settings.lake_address:
        _own(settings, settings.lake_address / OWNER, known["stack"])


def _own(settings: Settings, place: ObjectPath, stack: str) -> None:
    claim = {"stack": stack, "home": str(settings.home), "since": datetime.now(UTC).isoformat()}
    content = json.dumps(claim).encode()
    if create(place, content) and create(place, content):
        raise StackError(
            f"{place}: the object store lets an object be created twice, so it cannot keep two"
            " writers apart; use one that honours If-None-Match"
        )
    owner = json.loads(read_bytes(place))
    if owner["stack"] != stack:
        raise StackError(
            f"{settings.lake} belongs to the stack in {owner['home']} since {owner['since']}; "
            f"set another ASSAY_LAKE. If that stack is gone for good, its ledger is too: empty "
            f"the lake, with {OWNER}, before another one uses it"
        )
