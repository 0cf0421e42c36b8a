"""Params of a run: what is refused, with which words, and the schemas of the trigger form."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from assay.airflow_ui.forms import read_params
from assay.batch.params import PARAM_SCHEMAS, RunParams, resolve_params, schemas_of
from assay.errors import SettingsError
from assay.operations.action_params import (
    MAINTENANCE_PARAMS,
    ROLLBACK_PARAMS,
    RollbackParams,
    action_params,
    stream_action_params,
)

GOOD: list[dict[str, Any]] = [
    {},
    {"batch_date": "2026-01-31"},
    {"batch_date": None, "landing_glob": "2026/*part?.csv"},
    {"landing_glob": "a..b*.csv"},
    {"gate_policy": "override", "override_reason": "known gap, ticket 12"},
    {"full_rebuild": True, "dry_run": True},
    {"source": "quarantine", "quarantine_reason": "price.missing", "dry_run": True},
    {"source": "patch", "movement_reason": "the desk", "landing_glob": "patch-1*"},
    {"source": "waive", "movement_reason": "the desk", "quarantine_batch": "b1"},
]
BAD: list[tuple[dict[str, Any], str]] = [
    ({"batch_date": "31.01.2026"}, "batch_date='31.01.2026': must be empty or a date"),
    ({"batch_date": "20260131"}, "batch_date="),
    ({"batch_date": 20260131}, "batch_date="),
    ({"batch_date": ""}, "batch_date="),
    ({"landing_glob": ""}, "landing_glob="),
    ({"landing_glob": "/etc/*"}, "landing_glob="),
    ({"landing_glob": "~/x"}, "landing_glob="),
    ({"landing_glob": "../*.csv"}, "landing_glob="),
    ({"landing_glob": "a/../../*.csv"}, "landing_glob="),
    ({"landing_glob": "a/.."}, "landing_glob="),
    ({"landing_glob": "x" * 201}, "landing_glob="),
    ({"landing_glob": None}, "landing_glob="),
    ({"gate_policy": "lenient"}, "gate_policy='lenient': must be strict or override"),
    ({"override_reason": "x" * 201}, "override_reason="),
    ({"override_reason": "x", "gate_policy": "override"}, "override_reason="),
    ({"override_reason": 7}, "override_reason="),
    ({"full_rebuild": "yes"}, "full_rebuild='yes': must be true or false"),
    ({"full_rebuild": 1}, "full_rebuild=1"),
    ({"dry_run": None}, "dry_run=None"),
]


def schema() -> dict[str, Any]:
    return {"type": "object", "properties": PARAM_SCHEMAS, "additionalProperties": False}


@pytest.mark.parametrize("conf", GOOD)
def test_good_params_pass_the_form_and_the_pipeline(conf: dict[str, Any]) -> None:
    jsonschema.validate(conf, schema())
    params = resolve_params(conf)
    assert {name: getattr(params, name) for name in conf} == conf


@pytest.mark.parametrize(("conf", "words"), BAD)
def test_bad_params_fail_the_form_and_the_pipeline(conf: dict[str, Any], words: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(conf, schema())
    with pytest.raises(SettingsError) as refusal:
        resolve_params(conf)
    assert words in str(refusal.value)


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_override_needs_a_reason(reason: str) -> None:
    with pytest.raises(SettingsError, match=r"override_reason=.*gate_policy is override"):
        resolve_params({"gate_policy": "override", "override_reason": reason})


@pytest.mark.parametrize(
    ("conf", "refused"),
    [
        ({"source": "waive"}, "movement_reason"),
        ({"movement_reason": "because"}, "movement_reason"),
        ({"quarantine_reason": "price.missing"}, "quarantine_reason"),
        ({"source": "quarantine", "landing_glob": "*.csv"}, "landing_glob"),
        ({"source": "quarantine", "full_rebuild": True}, "full_rebuild"),
        ({"source": "waive", "movement_reason": "because", "dry_run": True}, "dry_run"),
        ({"source": "patch", "movement_reason": "because", "quarantine_batch": "b"}, "_batch"),
    ],
)
def test_param_that_its_source_would_ignore_is_refused(conf: dict[str, Any], refused: str) -> None:
    with pytest.raises(SettingsError, match=rf"{refused}=.* when source is"):
        resolve_params(conf)


@pytest.mark.parametrize("ignored", [{"landing_glob": "a*"}, {"batch_date": "2026-01-31"}])
def test_full_rebuild_takes_no_files_and_none_can_be_chosen(ignored: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"left at its default when full_rebuild is true"):
        resolve_params({"full_rebuild": True, **ignored})


@pytest.mark.parametrize(
    "ignored",
    [
        {"landing_glob": "a*"},
        {"batch_date": "2026-01-31"},
        {"source": "quarantine"},
        {"source": "patch", "movement_reason": "because"},
    ],
)
def test_pipeline_without_files_has_none_to_choose(ignored: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="for a pipeline that takes no files"):
        resolve_params(ignored, from_silver=True)
    asked = {"full_rebuild": True, "gate_policy": "override", "override_reason": "agreed"}
    assert resolve_params(asked, from_silver=True).full_rebuild


def test_blanks_make_no_reason() -> None:
    for name in ("override_reason", "movement_reason"):
        with pytest.raises(SettingsError, match=f"{name}=' x  ': must be empty or a text of 3 to"):
            resolve_params({name: " x  "})
    given = {"gate_policy": "override", "override_reason": " known gap "}
    assert resolve_params(given).override_reason == "known gap"


def test_every_refusal_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as refusal:
        resolve_params({"batch_date": "today", "dry_run": 1, "export_format": "xlsx"})
    assert str(refusal.value) == (
        "batch_date='today': must be empty or a date such as 2026-01-31; "
        "export_format='xlsx': must be empty, csv, parquet or jsonl; "
        "dry_run=1: must be true or false"
    )
    with pytest.raises(SettingsError, match=r"movement_reason=.* source is waive; landing_glob="):
        resolve_params({"source": "waive", "landing_glob": "a*", "movement_reason": None})


FORMS = {
    "finance": schemas_of(["stocks", "mutual_funds"]),
    "lakehouse_maintenance": MAINTENANCE_PARAMS,
    "batch_actions": action_params(["finance", "trades"]),
    "release_rollback": ROLLBACK_PARAMS,
    "stream_actions": stream_action_params(["finance", "trades"], ["stocks", "trades"]),
}


def test_the_forms_show_what_they_have_shown() -> None:
    """A change of a form is meant: people and their scripts know it."""
    shown = json.loads(Path(__file__).with_name("trigger_forms.json").read_text())
    assert shown == FORMS
    assert [[*form] for form in FORMS.values()] == [[*form] for form in shown.values()]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_form_calls_a_param_as_errors_do_and_shows_no_null(form: dict[str, Any]) -> None:
    for name, facts in form.items():
        assert facts["title"].endswith(f" ({name})")
        if None in facts.get("enum", ()):
            assert facts["values_display"]["null"] not in ("", "null")


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_form_has_what_is_rare_in_sections_below_the_rest(form: dict[str, Any]) -> None:
    sections = [facts.get("section", "") for facts in form.values()]
    runs = [name for name, _ in itertools.groupby(sections)]
    assert runs[0] == ""
    assert len(runs) == len({*runs}), "what is of one section stands together"
    for facts in form.values():  # a closed section would hide what has to be filled in
        assert "default" in facts or "section" not in facts


def test_the_forms_of_actions_are_read_by_what_they_show() -> None:
    given = {"to_release": 3, "batch": None, "give_back_files": False, "why": " wrong prices "}
    assert read_params(RollbackParams, given) == RollbackParams(to_release=3, why="wrong prices")
    with pytest.raises(SettingsError) as refusal:
        read_params(RollbackParams, {"to_release": 0, "why": None})
    assert str(refusal.value) == (
        "to_release=0: must be empty or a whole number from 1 on; "
        "why=None: must be a text of 3 to 200 characters"
    )


def test_form_offers_the_datasets_of_its_pipeline() -> None:
    form = schemas_of(["stocks", "mutual_funds"])
    assert form["quarantine_dataset"]["enum"] == [None, "stocks", "mutual_funds"]
    assert form.keys() == PARAM_SCHEMAS.keys()
    for value, allowed in ((None, True), ("stocks", True), ("shares", False)):
        found = jsonschema.Draft202012Validator(form["quarantine_dataset"]).is_valid(value)
        assert found is allowed


def test_form_says_what_a_pattern_keeps_out() -> None:
    """Airflow's page says only Bad Request when it does."""
    assert "yyyy-mm-dd" in PARAM_SCHEMAS["batch_date"]["description"]
    assert "not '..', and no / or ~" in PARAM_SCHEMAS["landing_glob"]["description"]


def test_day_that_is_not_in_the_calendar_is_refused() -> None:
    with pytest.raises(SettingsError, match="batch_date='2026-02-30'"):
        resolve_params({"batch_date": "2026-02-30"})


def test_unknown_param_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"'landing_globb' is not a param; .*landing_glob,"):
        resolve_params({"landing_globb": "*"})


def test_every_field_has_a_schema_whose_default_is_its_own() -> None:
    defaults = {field.name: field.default for field in dataclasses.fields(RunParams)}
    shown = {name: facts["default"] for name, facts in PARAM_SCHEMAS.items()}
    assert shown == defaults
    for facts in PARAM_SCHEMAS.values():
        jsonschema.Draft202012Validator.check_schema(facts)
        assert facts["title"]
        assert facts["description"]


def test_the_form_as_it_opens_can_be_sent() -> None:
    """Airflow's form sends null for an empty text field, and requires what does not allow null."""
    for facts in PARAM_SCHEMAS.values():
        assert facts["default"] not in ("", None) or "null" in facts["type"]
    assert resolve_params({n: f["default"] for n, f in PARAM_SCHEMAS.items()}) == RunParams()
