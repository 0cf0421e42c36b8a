"""Addresses on S3 are paths; what is done with objects is done by a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import ObjectStoreError
from assay.storage.addresses import ObjectPath, as_place
from assay.storage.objects import create, folders_in, read_bytes, sizes_below


def test_an_address_has_the_ways_of_a_path_and_stays_an_address() -> None:
    lake = as_place("s3a://bucket/lake/")
    table = lake / "silver" / "trades"
    assert isinstance(lake, ObjectPath)
    assert str(table) == "s3a://bucket/lake/silver/trades"
    assert (str(table.parent), str(table.relative_to(lake))) == (
        "s3a://bucket/lake/silver",
        "silver/trades",
    )
    assert table == as_place(str(table))
    assert as_place("/lake") == Path("/lake")


def test_objects_are_listed_and_read_as_files_are(bucket: ObjectPath, tmp_path: Path) -> None:
    for name in ("silver/trades/one", "silver/trades/log/two", "silver/other/x", "silver2/y"):
        assert create(bucket / name, name.encode())
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    for root in (bucket, tmp_path):
        assert sizes_below(root / "silver" / "trades") == {"one": 17, "log/two": 21}
        assert folders_in(root / "silver") == ["other", "trades"]
        assert folders_in(root / "nothing") == []
        assert sizes_below(root / "nothing") == {}
        assert read_bytes(root / "silver2" / "y") == b"silver2/y"
        with pytest.raises(FileNotFoundError):
            read_bytes(root / "silver2" / "z")


def test_of_two_that_create_one_object_the_second_is_told(bucket: ObjectPath) -> None:
    assert create(bucket / "claim", b"first")
    assert not create(bucket / "claim", b"second")
    assert read_bytes(bucket / "claim") == b"first"


def test_a_bucket_that_is_not_there_is_one_sentence(bucket: ObjectPath) -> None:
    with pytest.raises(
        ObjectStoreError, match=r"s3a://assay-no-such-bucket/x: .* check the bucket"
    ):
        create(as_place("s3a://assay-no-such-bucket/x"), b"")  # type: ignore[arg-type]
