"""Whose lake it is: what is on S3 is written by one stack, which is the one that has its ledger.

Delta's own store for S3 replaces a version that another driver has just written. What keeps
drivers apart, the lease and the file locks, is of one stack; so no second one may come near.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from uuid import uuid4

from assay.errors import ObjectStoreError, StackError
from assay.settings import Settings
from assay.storage.addresses import ObjectPath
from assay.storage.files import write_whole
from assay.storage.finding import Finding
from assay.storage.objects import create, exists, read_bytes

OWNER = "_assay/owner.json"
HERE = "this machine"
# What may be on S3, by its setting, and a folder that is there when it was on this machine before.
WHAT = {"ASSAY_LAKE": "lake", "ASSAY_FILES": "accepted"}


def claim_lake(settings: Settings, *, ask: bool = True) -> None:
    """Claim lake and files for this stack. Without `ask`, only the local record is checked.

    Raises StackError when another stack has claimed them, when this stack's ledger belongs to
    another lake, or when the object store lets an object be created twice.
    """
    record = settings.home / "places.json"
    known: dict[str, str] = json.loads(record.read_text()) if record.is_file() else {}
    addresses = {"ASSAY_LAKE": settings.lake_address, "ASSAY_FILES": settings.files_address}
    now = {name: str(address or HERE) for name, address in addresses.items()}
    for name, wanted in now.items():
        before = HERE if (settings.home / WHAT[name]).is_dir() else wanted
        told = known.get(name, before)
        if told != wanted:
            raise StackError(
                f"the ledger in {settings.home} was begun with {name} on {told}, now it is"
                f" {wanted}; set it as it was, or set an ASSAY_HOME of its own for another"
            )
    if not (ask and any(addresses.values())):
        return
    if not known:  # our name comes first: a claim of nobody would keep everyone out
        known = {"stack": uuid4().hex}
        write_whole(record, json.dumps(known))
    for address in {address for address in addresses.values() if address}:
        _own(settings, address, known["stack"])
    if now.keys() - known.keys():
        write_whole(record, json.dumps(known | now))


def claim_at_start(settings: Settings) -> None:
    """The same when the stack starts; keys that only Airflow has are used before each batch."""
    claim_lake(settings, ask="AWS_ACCESS_KEY_ID" in os.environ)


def objects(settings: Settings) -> Finding:
    """Whether lake and files on S3 answer; the doctor asks."""
    places = [p for p in (settings.lake_address, settings.files_address) if p]
    try:
        claimed = [place for place in places if exists(place / OWNER)]
    except ObjectStoreError as error:
        return Finding("objects", "no answer", str(error))
    told = [f"{place} ({'claimed' if place in claimed else 'not claimed yet'})" for place in places]
    return Finding("objects", ", ".join(told) or "none on S3")


def _own(settings: Settings, place: ObjectPath, stack: str) -> None:
    owner = place / OWNER
    claim = {"stack": stack, "home": str(settings.home), "since": datetime.now(UTC).isoformat()}
    content = json.dumps(claim).encode()
    if create(owner, content) and create(owner, content):
        raise StackError(
            f"{owner}: the object store lets an object be created twice, so it cannot keep two"
            " writers apart; use one that honours If-None-Match"
        )
    found = json.loads(read_bytes(owner))
    if found["stack"] != stack:
        raise StackError(
            f"{place} belongs to the stack in {found['home']} since {found['since']}; set another"
            f" address. If that stack is gone for good, so is its ledger: empty {place}, with"
            f" {OWNER}, before another stack uses it"
        )
