"""JARs are those of the lock file, or there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import StackError
from assay.settings import Settings
from assay.spark_runtime import jars
from assay.spark_runtime.jars import ensure_jars, jar_paths, locked_jars, sha256_of


def test_the_lock_file_has_the_seven_jars_of_delta() -> None:
    delta = locked_jars("delta")
    assert len(delta) == 7
    assert all(len(jar.sha256) == 64 for jar in delta)
    assert len({jar.sha256 for jar in delta}) == 7


def test_missing_jars_are_an_error_with_the_remedy(settings: Settings) -> None:
    with pytest.raises(StackError, match="run make up"):
        jar_paths(settings)


def test_a_half_fetched_or_changed_jar_is_fetched_again(settings: Settings) -> None:
    said: list[str] = []
    path = ensure_jars(settings, said.append, "bench")[0]
    whole = path.read_bytes()
    for damaged in (whole[:1000], b"\0" + whole[1:]):
        path.write_bytes(damaged)
        ensure_jars(settings, said.append, "bench")
        assert path.read_bytes() == whole
    ensure_jars(settings, said.append, "bench")
    assert len(said) == 3
    assert sha256_of(path) == locked_jars("bench")[0].sha256
    assert not list(settings.jars.glob(".fetch-*"))


def test_a_jar_that_differs_from_the_lock_file_is_refused(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged = tmp_path / "jars.lock"
    forged.write_text(f"bench {locked_jars('bench')[0].coordinates} {'0' * 64}\n")
    monkeypatch.setattr(jars, "LOCK_FILE", forged)
    with pytest.raises(StackError, match=r"has sha256 .* but jars.lock says 000"):
        ensure_jars(settings, print, "bench")
    with pytest.raises(StackError, match="is missing"):
        jar_paths(settings, "bench")


def test_coordinates_that_nobody_has_are_one_sentence(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged = tmp_path / "jars.lock"
    forged.write_text(f"bench org.postgresql:postgresql:0.0.0 {'0' * 64}\n")
    monkeypatch.setattr(jars, "LOCK_FILE", forged)
    with pytest.raises(StackError, match="could not be fetched") as caught:
        ensure_jars(settings, print, "bench")
    assert "\n" not in str(caught.value)
