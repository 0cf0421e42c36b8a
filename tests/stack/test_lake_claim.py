"""One stack writes a lake on S3, and one lake is of the ledger of a stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import StackError
from assay.settings import Settings, load_settings
from assay.storage.addresses import ObjectPath
from assay.storage.lake_claim import OWNER, claim_lake, objects
from assay.storage.objects import read_bytes


def settings_of(home: Path, lake: ObjectPath | None) -> Settings:
    home.mkdir(exist_ok=True)
    return load_settings({"ASSAY_HOME": str(home), "ASSAY_LAKE": str(lake or "")})


def test_a_lake_is_of_the_stack_that_came_first(bucket: ObjectPath, tmp_path: Path) -> None:
    first = settings_of(tmp_path / "first", bucket)
    claim_lake(first)
    claimed = read_bytes(bucket / OWNER)
    claim_lake(first)
    assert read_bytes(bucket / OWNER) == claimed
    with pytest.raises(StackError, match=f"belongs to the stack in {tmp_path / 'first'} since"):
        claim_lake(settings_of(tmp_path / "second", bucket))
    claim_lake(settings_of(tmp_path / "second", bucket / "another"))


def test_a_ledger_is_of_the_places_that_it_began_with(bucket: ObjectPath, tmp_path: Path) -> None:
    home = tmp_path / "home"
    claim_lake(settings_of(home, bucket))
    with pytest.raises(StackError, match=r"with ASSAY_LAKE on s3a://.*, now it is this machine"):
        claim_lake(settings_of(home, None))
    with pytest.raises(StackError, match="or set an ASSAY_HOME of its own for another"):
        claim_lake(settings_of(home, bucket / "other"))
    (tmp_path / "local" / "accepted").mkdir(parents=True)
    claim_lake(settings_of(tmp_path / "local", None))
    files = load_settings({"ASSAY_HOME": str(tmp_path / "local"), "ASSAY_FILES": str(bucket)})
    with pytest.raises(StackError, match="with ASSAY_FILES on this machine"):
        claim_lake(files)


def test_the_doctor_says_whether_it_answers(bucket: ObjectPath, tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "home", bucket)
    assert objects(settings).found == f"{bucket} (not claimed yet)"
    claim_lake(settings)
    assert objects(settings).found == f"{bucket} (claimed)"
