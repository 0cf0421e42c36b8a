"""Reads a YAML file into what it is declared to be, and tells every fault with line and key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from assay.contracts.facts import FAULTS, Fault
from assay.contracts.fault_words import words_of
from assay.errors import ContractError

T = TypeVar("T")
Place = Sequence[str | int]
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it was built


@dataclass(frozen=True)
class YamlFile:
    """A file that is a mapping: its facts, and the tree of nodes that says where each stands."""

    path: Path
    root: yaml.MappingNode
    facts: dict[str, Any]

    def refuse(self, faults: Iterable[Fault]) -> None:
        """Raise ContractError with every fault, in the order of the file, if there is one."""
        told = sorted((self.line_of(place), self._sentence(place, why)) for place, why in faults)
        if told:
            raise ContractError("\n".join(f"{self.path}:{line}: {fault}" for line, fault in told))

    def line_of(self, place: Place) -> int:
        """The line of a key or of an item of a list; of what is not there, that of what is."""
        node: yaml.Node = self.root
        line = node.start_mark.line
        for step in place:
            found = _child(node, step)
            if found:
                line, node = found
        return line + 1

    def _sentence(self, place: Place, why: str) -> str:
        """The keys to a place; an item of a list goes by its name, or by its number from 1."""
        names, here = [], self.facts
        for step in place:
            here = _item(here, step)
            has_name = isinstance(here, dict) and isinstance(here.get("name"), str)
            names.append(here["name"] if has_name and isinstance(step, int) else _count(step))
        return f"{'.'.join(names)}: {why}" if names else why


def read_yaml(path: Path, kind: TypeAdapter[T]) -> T:
    """What a file is declared to be.

    Raises ContractError with all that is missing, unknown, of a wrong type or contradictory.
    """
    return check(open_yaml(path), kind)


def check(file: YamlFile, kind: TypeAdapter[T]) -> T:
    """The facts of a file as what they are declared to be; see `read_yaml`."""
    twice = [*_given_twice(file.root)]
    try:
        found = kind.validate_json(json.dumps(file.facts, default=str), strict=True)
    except ValidationError as error:
        schema = kind.json_schema()
        told = [fault for each in error.errors() for fault in _faults_of(each, schema)]
        file.refuse([*twice, *told])
        raise
    file.refuse(twice)
    return found


def open_yaml(path: Path) -> YamlFile:
    """Raises ContractError, naming the file, when it is not there or is not a mapping."""
    try:
        loader = LOADER(path.read_bytes())
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise ContractError(f"{path}: is not a mapping of keys to values")
        return YamlFile(path, root, loader.construct_document(root))
    except FileNotFoundError:
        raise ContractError(f"{path}: no such file") from None
    except yaml.YAMLError as error:
        raise ContractError(f"{path}: {error}") from error


def _faults_of(error: ErrorDetails, schema: dict[str, Any]) -> Iterator[Fault]:
    """A fault that pydantic found, or those that one of our own checks did."""
    place = error["loc"]
    if error["type"] != FAULTS:
        yield place, words_of(error, schema)
        return
    yield from (((*place, *below), words) for below, words in error["ctx"][FAULTS])


def _given_twice(node: yaml.Node, place: tuple[str | int, ...] = ()) -> Iterator[Fault]:
    """YAML takes the last value of a key: the first one would be lost in silence."""
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _given_twice(item, (*place, number))
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if lines.setdefault(key.value, line) is not line:
                yield (*place, key.value), f"is given twice, first in line {lines[key.value]}"
            yield from _given_twice(value, (*place, key.value))


def _child(node: yaml.Node, step: str | int) -> tuple[int, yaml.Node] | None:
    """The line that a step leads to, and what stands there."""
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line, node.value[step]
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):
            if key.value == str(step):
                return key.start_mark.line, value
    return None


def _item(facts: Any, step: str | int) -> Any:
    if isinstance(facts, list) and isinstance(step, int) and step < len(facts):
        return facts[step]
    return facts.get(step) if isinstance(facts, dict) else None


def _count(step: str | int) -> str:
    return str(step + 1) if isinstance(step, int) else step
