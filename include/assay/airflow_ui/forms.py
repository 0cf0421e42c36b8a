"""Forms: a dataclass of params is what a trigger form shows, and what its values are read by."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, TypeVar, get_type_hints

from pydantic import ConfigDict, JsonValue, StringConstraints, TypeAdapter, ValidationError

from assay.errors import SettingsError

REASON_LENGTH = (3, 200)
T = TypeVar("T", bound="Params")
ADAPTERS: dict[type[Params], TypeAdapter[Any]] = {}


class Params:
    """What a person fills in. Patterns are those of the browser: they may look ahead."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", regex_engine="python-re")


@dataclass(frozen=True)
class Allowed:
    """Says in words what a pattern allows; stands among the annotations of a param."""

    words: str


def text(least: int, most: int, **rules: Any) -> Any:
    """What a text of the form is made of; blanks around it do not count."""
    return StringConstraints(strip_whitespace=True, min_length=least, max_length=most, **rules)


Reason = Annotated[str, text(*REASON_LENGTH)]


def form_of(params: type[Params]) -> dict[str, dict[str, JsonValue]]:
    """The fields of the form, in its order, as JSON Schemas that Airflow shows and checks.

    A title ends in the name by which errors, documents and the command line call the param.
    """
    shown = _adapter(params).json_schema()["properties"]
    return {
        name: _as_airflow_shows({**schema, "title": f"{schema['title']} ({name})"})
        for name, schema in shown.items()
    }


def in_section(name: str, **more: JsonValue) -> dict[str, JsonValue]:
    """For `json_schema_extra` of a param: Airflow shows a section closed, below what is in none."""
    return {"section": name, **more}


def narrowed(
    schema: Mapping[str, JsonValue], values: Sequence[str], none: str
) -> dict[str, JsonValue]:
    """The schema of a param that is one of these values; `none` is shown for an empty one."""
    return {**schema, "enum": [None, *values], **shown_as(none)}


def shown_as(none: str) -> dict[str, JsonValue]:
    """What a form shows for an empty value among others; without it, the word null."""
    return {"values_display": {"null": none}}


def read_params(params: type[T], given: Mapping[str, object]) -> T:
    """The values of a form; what is left out has its default.

    Raises SettingsError, with the name of every param that cannot be used and what it allows.
    """
    known = [field.name for field in fields(params)]  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            raise SettingsError(f"{name!r} is not a param; the params are {', '.join(known)}")
    # What JSON cannot hold is from no form; it is refused as a text of the wrong kind.
    told = json.dumps({**given}, default=repr)
    try:
        found: T = _adapter(params).validate_json(told, strict=True)
    except ValidationError as error:
        names = dict.fromkeys(str(each["loc"][0]) for each in error.errors())
    else:
        return found
    raise SettingsError("; ".join(refusal(n, given.get(n), allowed(params, n)) for n in names))


def refusal(name: str, value: object, allowed: str) -> str:
    return f"{name}={value!r}: must be {allowed}"


def allowed(params: type[Params], name: str) -> str:
    """What a param may be, in words."""
    schema = form_of(params)[name]
    listed = [*_alternatives(params, name, schema)]
    return " or ".join([", ".join(listed[:-1]), listed[-1]] if len(listed) > 1 else listed)


def _alternatives(params: type[Params], name: str, schema: dict[str, Any]) -> Iterator[str]:
    if "null" in schema["type"]:
        yield "empty"
    hint = get_type_hints(params, include_extras=True)[name]
    words = [each.words for each in getattr(hint, "__metadata__", ()) if isinstance(each, Allowed)]
    if words:
        yield from words
    elif "enum" in schema:
        yield from (each for each in schema["enum"] if each is not None)
    elif schema["type"] == "boolean":
        yield from ("true", "false")
    elif "maxLength" in schema:
        yield f"a text of {schema['minLength']} to {schema['maxLength']} characters"
    else:
        yield f"a whole number from {schema['minimum']} on"


def _as_airflow_shows(schema: dict[str, Any]) -> dict[str, Any]:
    """Airflow's form takes an optional value for one with two types, not for one of two schemas."""
    options = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if not options:
        return schema
    (inner,) = options
    rest = {key: fact for key, fact in schema.items() if key != "anyOf"}
    shown = {**inner, **rest, "type": ["null", inner["type"]]}
    return shown | ({"enum": [None, *inner["enum"]]} if "enum" in inner else {})


def _adapter(params: type[Params]) -> TypeAdapter[Any]:
    """Made once: it takes milliseconds."""
    if params not in ADAPTERS:
        ADAPTERS[params] = TypeAdapter(params)
    return ADAPTERS[params]
