"""Which shape the records of a JSON body have: they stand in one file, which is read by one.

A bad record may fit several shapes alike, such as one that has none of the columns in which they
differ. It has that of the others then, so that it is in quarantine, and they are not.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from assay.contracts.model import Contract
from assay.errors import RequestRefusedError
from assay.gateway.body import Kind
from assay.gateway.check import Checker
from assay.gateway.json_texts import Names, fields_of, read_object, remembers, texts_of
from assay.gateway.records import Most
from assay.intake.header import (
    delivered_name,
    is_known,
    known_names,
    names_of_shape,
    nearest_shape,
    nearest_shapes,
)


def shape_of_body(
    body: bytes, kind: Kind, checker: Checker, most: Most
) -> tuple[str, tuple[str, ...]]:
    """The shape of its records, and the names of other shapes that they have besides.

    Raises RequestRefusedError (422) for records of two shapes, and for names that would have the
    file read by another one.
    """
    bronze = checker.bronze
    shapes = [*bronze.source.shapes] if bronze.source else [""]
    if len(shapes) == 1:
        return shapes[0], ()
    certain: set[str] = set()
    possible: Counter[str] = Counter()
    known: set[str] = set()
    for text in texts_of(body, kind, bronze, most):
        record = read_object(text)
        if record is not None:
            fit = _fit_of(checker, (*fields_of(record),))
            known |= fit.known
            possible.update(fit.shapes)
            if len(fit.shapes) == 1:
                certain.update(fit.shapes)
    if len(certain) > 1:
        raise _more_than_one(certain)
    shape = next(iter(certain), max(shapes, key=possible.__getitem__))
    if (read_by := _read_by(bronze, shape, known)) != shape:
        raise _more_than_one({shape, read_by})
    own = names_of_shape(bronze, shape)
    return shape, (*sorted(name for name in known if not is_known(name, own)),)


def _more_than_one(shapes: set[str]) -> RequestRefusedError:
    told = ", ".join(sorted(shapes))
    return RequestRefusedError(422, f"records of more than one shape ({told}); send them apart")


def _read_by(bronze: Contract, shape: str, known: set[str]) -> str:
    """The shape by which acceptance will read a file of these names and all required ones."""
    required = {delivered_name(each, bronze, shape) for each in bronze.columns if each.required}
    return nearest_shape([*required, *known], bronze)


@dataclass(frozen=True)
class _Fit:
    """The shapes that names fit alike, and those of the names that are of columns in any shape."""

    shapes: list[str]
    known: set[str]


def _fit_of(checker: Checker, names: Names) -> _Fit:
    return _remembered(checker, names) if remembers(names) else _fit(checker, names)


@lru_cache(maxsize=512)
def _remembered(checker: Checker, names: Names) -> _Fit:
    return _fit(checker, names)


def _fit(checker: Checker, names: Names) -> _Fit:
    known = _known_of(checker)
    of_columns = {name for name in names if is_known(name, known)}
    return _Fit(nearest_shapes([*names], checker.bronze), of_columns)


@lru_cache(maxsize=64)
def _known_of(checker: Checker) -> set[str]:
    return known_names(checker.bronze)
