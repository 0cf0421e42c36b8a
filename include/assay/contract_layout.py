"""How the files of contracts are laid out, and what of them is a fact of which layer.

`datasets/<name>/dataset.yaml` tells a dataset once: how it is delivered, which is its bronze
contract, and what it is once it is typed, its silver contract. `gold/<table>/table.yaml` is one
gold contract.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from assay.dialect_faults import DIALECT, FORMS, dialect_faults
from assay.facts import Facts, nearest, unknown_keys
from assay.standard_expectations import all_expectations

FILES = {"bronze": "dataset.yaml", "silver": "dataset.yaml", "gold": "table.yaml"}
GRAIN_OF_BRONZE = "one physical record of one delivered file"
OF_FILES = ("archive_days", "history_days", "expect_every_days")
OF_SILVER = ("keys", "event_time", "sequence", "on_equal_version", "serving", "most_quarantined")
OF_GOLD = ("datasets", "keys", "touched_by", "totals", "parameters")
OF_TABLES = ("owner", "description", "grain", "one_row_per", "partition_by", "retention_days")
ONLY_TO_EXPECT = ("one_row_per", "most_quarantined")
REQUIRED = ("owner", "description", "grain", "columns")
SOURCE = ("system", "description", "patterns", "settle_seconds", *DIALECT, *FORMS)
LIMITS = ("unpacked_bytes", "records", "array_bytes", "json_values", "nesting")
# Of a column: facts of the delivered text, and facts of the typed value.
OF_TEXT = ("header", "headers", "required")
OF_VALUE = (
    *("type", "nullable", "description", "money", "sensitive", "allowed", "minimum", "maximum"),
    *("max_length", "when", "standardise", "synonyms", "categories", "hash_of", "expect"),
)
WHEN = ("column", "is", "nullable", "minimum", "maximum")
EXPECTATION = ("name", "type", "frame", "kwargs", "severity", "overridable")


def facts_of_layer(layer: str, facts: Facts) -> Facts:
    """The facts of one contract, of a file that has no fault; every expectation is among them."""
    own = facts
    if layer != "gold":
        written = (facts.get("expectations") or {}).get(layer)
        own = (_bronze if layer == "bronze" else _silver)(facts) | {"expectations": written}
    told = {**own, "expectations": all_expectations(layer, own)}
    told["columns"] = [{k: v for k, v in c.items() if k != "expect"} for c in own["columns"]]
    return {key: fact for key, fact in told.items() if key not in ONLY_TO_EXPECT}


def _silver(facts: Facts) -> Facts:
    columns = [_only(c, *OF_VALUE, "source") for c in facts["columns"] if "only" not in c]
    own = {key: fact for key, fact in facts.items() if key not in ("source", *OF_FILES)}
    forms = {key: fact for key, fact in facts["source"].items() if key in FORMS}
    return own | {"columns": columns} | ({"forms": forms} if forms else {})


def _bronze(facts: Facts) -> Facts:
    columns = [column for column in facts["columns"] if "source" not in column]
    source = {key: fact for key, fact in facts["source"].items() if key not in FORMS}
    shapes = {
        shape: {c["name"]: c["headers"][shape] for c in columns if shape in c.get("headers", {})}
        for shape in source.pop("shapes", [""])
    }
    return {
        "owner": facts["owner"],
        "description": source.pop("description"),
        "grain": GRAIN_OF_BRONZE,
        **{key: facts[key] for key in OF_FILES if key in facts},
        "source": source | {"shapes": shapes},
        "columns": [_only(column, "header", "required") for column in columns],
    }


def _only(column: Facts, *keys: str) -> Facts:
    return {key: fact for key, fact in column.items() if key == "name" or key in keys}


def layout_faults(layer: str, facts: Facts) -> Iterator[str]:
    """What is missing, misplaced or misspelt in a file, in a few words each."""
    is_gold = layer == "gold"
    own = OF_GOLD if is_gold else (*OF_SILVER, *OF_FILES, "source")
    yield from unknown_keys(facts, (*OF_TABLES, *own, "columns", "expectations"))
    asked = (*REQUIRED, *(("datasets",) if is_gold else ("source",)))
    yield from (f"{key} is missing" for key in asked if key not in facts)
    share = facts.get("most_quarantined", 0)
    if not (isinstance(share, int | float) and 0 <= share <= 1):
        yield f"most_quarantined: {share!r} is not a share from 0 to 1"
    shapes: Collection[str] = ()
    if "source" in facts and not is_gold:
        yield from _source_faults(facts["source"])
        shapes = facts["source"].get("shapes", ()) if isinstance(facts["source"], dict) else ()
    columns = [*_named("columns", facts.get("columns", []))]
    delivered = [str(column.get("name")) for _, column in columns if "source" not in column]
    for place, column in columns:
        yield from (f"{place}: {fault}" for fault in _column_faults(column, is_gold, shapes))
        if "source" in column and column["source"] not in delivered:
            source = str(column["source"])
            yield f"{place}: source: bronze has no {source}{nearest(source, delivered)}"
    yield from _expectations_faults(facts.get("expectations"), is_gold)


def _source_faults(source: object) -> Iterator[str]:
    if not isinstance(source, dict):
        yield "source: is not a mapping"
        return
    for key in unknown_keys(source, (*SOURCE, "shapes", "limits")):
        yield f"source.{key}"
    for key in ("system", "description", "patterns"):
        if key not in source:
            yield f"source.{key} is missing"
    yield from (f"source.{fault}" for fault in dialect_faults(source))
    limits = source.get("limits", {})
    if not isinstance(limits, dict):
        yield "source.limits: is not a mapping"
        return
    yield from (f"source.limits.{fault}" for fault in unknown_keys(limits, LIMITS))


def _column_faults(column: Facts, is_gold: bool, shapes: Collection[str]) -> Iterator[str]:
    own = OF_VALUE if is_gold else (*OF_TEXT, *OF_VALUE, "source", "only")
    yield from unknown_keys(column, ("name", *own))
    if "name" not in column:
        yield "is not a mapping with a name"
    if column.get("only", "bronze") != "bronze":
        yield f"only: {column['only']!r} is not bronze; what only silver has says its source"
    for misplaced, why in (("source", "is taken from another one"), ("only", "is bronze only")):
        of = OF_TEXT if misplaced == "source" else (*OF_VALUE, "source")
        if misplaced in column:
            yield from (f"{why}, so {key} has no meaning" for key in of if key in column)
    for shape in column.get("headers", {}):
        if shape not in shapes:
            yield f"headers: source.shapes has no {shape}{nearest(shape, shapes)}"
    yield from _expect_faults(column)
    for place, condition in _named("when", column.get("when", [])):
        yield from (f"{place}: {fault}" for fault in unknown_keys(condition, WHEN))


def _expect_faults(column: Facts) -> Iterator[str]:
    """What is expected has to be a fact of the column: a gate asks for no more than silver does."""
    grounds = {
        "not_null": "nullable: false" if column.get("nullable") is not False else "",
        "known": "" if {"allowed", "categories"} & column.keys() else "allowed or categories",
        "in_range": "" if {"minimum", "maximum"} & column.keys() else "minimum or maximum",
    }
    for kind in column.get("expect", {}):
        if kind not in grounds:
            yield f"expect.{kind}: no such key{nearest(kind, grounds)}"
        elif grounds[kind]:
            yield f"expect.{kind}: needs {grounds[kind]}"


def _expectations_faults(written: object, is_gold: bool) -> Iterator[str]:
    layers: Mapping[str, Any] = {"gold": written or []}
    if not is_gold:
        layers = written if isinstance(written, dict) else {}
        if written is not None and written != layers:
            yield "expectations: is not a mapping of bronze and silver to lists"
        yield from (f"expectations.{f}" for f in unknown_keys(layers, ("bronze", "silver")))
    for listed in layers.values():
        for place, each in _named("expectations", listed):
            yield from (f"{place}: {fault}" for fault in unknown_keys(each, EXPECTATION))
            for key in ("name", "type", "frame", "kwargs"):
                if key not in each:
                    yield f"{place}: {key} is missing"


def _named(key: str, listed: object) -> Iterator[tuple[str, Facts]]:
    """The mappings of a list, each with its place; what is not a mapping is without facts."""
    for number, each in enumerate(listed if isinstance(listed, list) else [None], start=1):
        facts = each if isinstance(each, dict) else {}
        yield f"{key}: {facts.get('name', number)}", facts
