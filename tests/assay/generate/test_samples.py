"""Sample files arrive in landing wherever that is, once."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from assay.generate.samples import deliver_samples, sample_sets
from assay.settings import load_settings
from assay.storage.addresses import ObjectPath
from assay.storage.objects import sizes_below


@pytest.mark.parametrize("on_s3", [False, True])
def test_samples_are_delivered_once(bucket: ObjectPath, tmp_path: Path, on_s3: bool) -> None:
    files = {"ASSAY_FILES": str(bucket)} if on_s3 else {}
    settings = load_settings({"ASSAY_HOME": str(tmp_path), **files})
    options = sample_sets(settings, files=2, rows=50)["trades"]
    said: list[str] = []
    for _ in range(2):
        deliver_samples(settings, "trades", options, said.append, lambda _: nullcontext())
    assert said == ["generating 2 files of trades, 50 records each"]
    found = sizes_below(settings.landing / "trades")
    assert len(found) > 2, "the damaged files as well"
    assert sum("part" in name for name in found) == 2
    assert isinstance(settings.landing, ObjectPath) == on_s3
