"""Reads a YAML file of facts, and says which of its keys nobody knows."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from assay.errors import ContractError

Facts = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """YAML, but a key that is given twice is a fault: the first one would be lost in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                line = key_node.start_mark.line + 1
                raise yaml.MarkedYAMLError(problem=f"{key} is given twice, again in line {line}")
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_facts(path: Path) -> Facts:
    """The mapping in a file. Raises ContractError, naming the file, when there is none."""
    try:
        facts = yaml.load(path.read_bytes(), _Loader)  # noqa: S506  # it is a SafeLoader
    except FileNotFoundError:
        raise ContractError(f"{path}: no such file") from None
    except yaml.YAMLError as error:
        raise ContractError(f"{path}: {error}") from error
    if not isinstance(facts, dict):
        raise ContractError(f"{path}: is not a mapping of keys to values")
    return facts


def unknown_keys(facts: Iterable[object], known: Collection[str]) -> Iterator[str]:
    """A fault for each key that is not known, with the nearest one that is."""
    for key in facts:
        if key not in known:
            yield f"{key}: no such key{nearest(str(key), known)}"


def nearest(name: str, known: Collection[str]) -> str:
    """What may have been meant, to be appended to a sentence; else all that there is."""
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(sorted(known))}"


def refuse(path: Path, faults: Iterable[str]) -> None:
    """Raise ContractError with every fault of the file, if there is one."""
    if found := [*faults]:
        raise ContractError("\n".join(f"{path}: {fault}" for fault in found))
