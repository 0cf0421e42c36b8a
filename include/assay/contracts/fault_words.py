"""What pydantic finds wrong, in the words of this house, and with what may have been meant."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any

from pydantic_core import ErrorDetails

from assay.contracts.facts import nearest

NOT_A_MAPPING = "is not a mapping of keys to values"
# Type of pydantic's error → what is said of the value; braces are its context.
WORDS = {
    "string_type": "is not a text; put it in quotes",
    "bool_type": "is not true or false",
    "int_type": "is not a whole number",
    "int_from_float": "is not a whole number",
    "float_type": "is not a number",
    "tuple_type": "is not a list",
    "dict_type": NOT_A_MAPPING,
    "dataclass_type": NOT_A_MAPPING,
    "greater_than": "is not more than {gt}",
    "greater_than_equal": "is less than {ge}",
    "less_than_equal": "is more than {le}",
    "too_short": "is empty",
    "string_too_short": "is empty",
}


def words_of(error: ErrorDetails, schema: dict[str, Any]) -> str:
    """One fault; `schema` is the JSON Schema of the whole, which knows every key and value."""
    *outer, key = error["loc"] or ("",)
    if error["type"] == "missing":
        return "is missing"
    if error["type"] == "unexpected_keyword_argument":
        return f"no such key{nearest(str(key), node_at(schema, outer).get('properties', ()))}"
    value, node = reprlib.repr(error["input"]), node_at(schema, error["loc"])
    if error["type"] == "literal_error":
        allowed = [str(each) for each in node.get("enum") or [node["const"]]]
        return f"{value} is not one of {', '.join(map(repr, allowed))}{_close(error, allowed)}"
    if error["type"] == "string_pattern_mismatch" and "patternErrorMessage" in node:
        return f"{value} {node['patternErrorMessage']}"
    words = WORDS.get(error["type"])
    if words == NOT_A_MAPPING and "properties" in node:
        return f"{value} is not a mapping; its keys are {', '.join(node['properties'])}"
    return (
        f"{value} {words.format(**error.get('ctx', {}))}" if words else f"{value}: {error['msg']}"
    )


def _close(error: ErrorDetails, allowed: list[str]) -> str:
    close = nearest(str(error["input"]), allowed)
    return close if "did you mean" in close else ""


def node_at(schema: dict[str, Any], place: Sequence[str | int]) -> dict[str, Any]:
    """The part of a JSON Schema that is about a place; what is not described has an empty one."""
    node = _resolved(schema, schema)
    for step in place:
        inner = node.get("items") if isinstance(step, int) else None
        inner = inner or node.get("properties", {}).get(step) or node.get("additionalProperties")
        node = _resolved(schema, inner) if isinstance(inner, dict) else {}
    return node


def _resolved(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """What a reference or an optional value stands for."""
    for other in node.get("anyOf", ()):
        if other.get("type") != "null":
            return {**node, **_resolved(schema, other)}
    if "$ref" in node:
        name = str(node["$ref"]).rpartition("/")[2]
        return {**node, **schema["$defs"][name]}
    return node
