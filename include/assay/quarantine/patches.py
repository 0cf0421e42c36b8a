"""Patches: files of corrected records, each of which replaces a quarantined row."""

from __future__ import annotations

import shutil
from pathlib import Path

from assay.addresses import ObjectPath
from assay.contract import load_contract
from assay.errors import BatchError
from assay.files import written_whole
from assay.landing.filenames import PATCH_PREFIX, is_patch
from assay.landing.records import check_patch_header, inspect_file
from assay.objects import create, exists
from assay.settings import Settings


def deliver_patch(settings: Settings, dataset: str, file: Path) -> str:
    """Copy a patch into landing under a name that only a patch run takes; returns the name.

    Raises FileRejectedError when it could not be taken, before anything is copied.
    """
    name = file.name if is_patch(file.name) else f"{PATCH_PREFIX}{file.name}"
    place = settings.landing / dataset / name
    waiting = f"{place}: is waiting there already; rename the patch, or take that away"
    if exists(place):
        raise BatchError(waiting)
    check_patch_header(inspect_file(file, load_contract("bronze", dataset)).header)
    if isinstance(place, ObjectPath):
        if not create(place, file.read_bytes()):
            raise BatchError(waiting)
        return name
    with written_whole(place) as temporary:
        shutil.copyfile(file, temporary)
    return name
