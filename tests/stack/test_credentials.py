"""Generated secrets: made once, readable by their owner only."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.fernet import Fernet

from assay.errors import StackError
from assay.home.credentials import load_credentials
from assay.settings import Settings


def test_are_generated_once_into_a_file_of_mode_0600(settings: Settings) -> None:
    first = load_credentials(settings)
    assert (settings.home / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert load_credentials(settings) == first
    assert len(set(first.values())) == len(first)


def test_two_starts_at_once_agree(settings: Settings) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: load_credentials(settings), range(8)))
    assert all(each == found[0] for each in found)


def test_keys_are_long_enough_for_what_they_sign(settings: Settings) -> None:
    known = load_credentials(settings)
    assert len(known["jwt_secret"]) >= 64
    assert len(known["api_secret_key"]) >= 64
    Fernet(known["fernet_key"])


def test_a_name_that_is_new_is_added_to_the_others(settings: Settings) -> None:
    before = dict(load_credentials(settings))
    removed = before.pop("assay_reader")
    (settings.home / "secrets.json").write_text(json.dumps(before))
    after = dict(load_credentials(settings))
    assert after.pop("assay_reader") != removed
    assert after == before


def test_a_damaged_file_is_an_error_that_names_it(settings: Settings) -> None:
    (settings.home / "secrets.json").write_text("{")
    with pytest.raises(StackError, match=r"secrets.json cannot be read"):
        load_credentials(settings)
