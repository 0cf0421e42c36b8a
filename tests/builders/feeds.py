"""A small feed whose files can be written in any dialect, and what its records say."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from assay.contracts.dialect import Dialect
from assay.contracts.load import read_contract
from assay.contracts.model import Contract

Facts = dict[str, Any]
COLUMNS: list[Facts] = [
    {"name": "sale_id", "header": "SaleId", "required": True, "type": "string", "nullable": False},
    {"name": "city", "required": True, "type": "string"},
    {"name": "amount", "required": True, "type": "decimal(12,2)"},
    {"name": "pieces", "type": "int"},
    {"name": "sold_on", "type": "date"},
    {"name": "sold_at", "type": "timestamp", "nullable": False},
    {"name": "is_paid", "type": "boolean"},
]
HEADER = [str(column.get("header", column["name"])) for column in COLUMNS]
REST = ["1", "1", "2026-01-31", "2026-01-31 10:00", "true"]
# Every text has something that one reader or another might take for structure.
CITIES = [
    "K\u00f6ln",
    "M\u00fcnchen\r\nSendling;\tAu,S\u00fcd|West",
    "L'Aquila\n\n'alta'",
    'the "old" town',
    "^caret, ~tilde; `tick`",
    "\u00e9t\u00e9\n,;\t|",
    "",
]
RECORDS = [[str(number), city, *REST] for number, city in enumerate(CITIES)]
DIALECTS = [
    Dialect(delimiter, quote, encoding, header)
    for encoding, header, quote, delimiter in product(
        ("utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"),
        (True, False),
        ('"', "'"),
        (",", ";", "\t", "|", "^", "\x01"),
    )
]


@dataclass(frozen=True)
class Feed:
    """The two contracts of a feed."""

    bronze: Contract
    silver: Contract


def make_feed(folder: Path, **source: Any) -> Feed:
    """A feed of `COLUMNS` with these facts of its source."""
    facts = {
        "owner": "tests",
        "description": "Sales.",
        "grain": "one sale",
        "keys": ["sale_id"],
        "event_time": "sold_at",
        "source": {"system": "till", "description": "Sales.", "patterns": ["*.csv"], **source},
        "columns": COLUMNS,
    }
    path = folder / "sales" / "dataset.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(facts, sort_keys=False))
    return Feed(read_contract("bronze", path), read_contract("silver", path))


def as_csv(records: Sequence[Sequence[str]], dialect: Dialect, end: str = "\r\n") -> bytes:
    """Records in a dialect, below their header if it has one."""
    file = io.StringIO(newline="")
    writer = csv.writer(
        file, delimiter=dialect.delimiter, quotechar=dialect.quote, lineterminator=end
    )
    writer.writerows([HEADER, *records] if dialect.header else records)
    return file.getvalue().encode(dialect.encoding)


def name_of(dialect: Dialect) -> str:
    """For the name of a test."""
    header = "header" if dialect.header else "none"
    return f"{dialect.encoding} {header} {dialect.quote} {dialect.delimiter!r}"
