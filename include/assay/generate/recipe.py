"""What tells one dataset's files from another's: columns, values as SQL, layouts and defects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.contracts.load import load_contract
from assay.errors import SettingsError
from assay.generate.from_contract import hash_texts
from assay.generate.options import SetOptions

LINES_ONLY = ("lines",)  # one broken element would spoil a whole array
SUFFIXES = {"csv": ".csv", "jsonl": ".jsonl", "array": ".json", "parquet": ".parquet"}


@dataclass(frozen=True)
class Layout:
    """One way to write a file. `fields` maps each header of it to the SQL column of its text."""

    name: str
    form: str
    fields: Mapping[str, str]
    prefix: str

    @property
    def header(self) -> str:
        return ",".join(self.fields)

    def file_name(self, options: SetOptions, number: int) -> str:
        """Name of file `number`, from 1; holds day and seed, so that no two sets collide."""
        width = max(3, len(str(options.files)))
        zipped = self.form != "parquet" and options.is_zipped(number)
        return (
            f"{self.prefix}_{options.day_of(number)}_s{options.seed}_part_{number:0{width}d}"
            f"{SUFFIXES[self.form]}{'.gz' if zipped else ''}"
        )


@dataclass(frozen=True)
class Defect:
    """One class of bad records. `edits` maps a column, or `line` (the whole record), to SQL over
    the good text; `only` names the layouts that can hold it, when not all can.
    """

    reasons: tuple[str, ...]
    edits: dict[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()

    def fits(self, layout: Layout) -> bool:
        return not self.only or layout.name in self.only


@dataclass(frozen=True)
class Recipe:
    """A dataset's generator: what does not follow from its contract.

    `silver` is a SQL select list over the numbers of a record (records.py). It must give `key`, a
    number that stands for the silver key; `version_us`, which decides between versions; each
    silver column, under its name, as the text that its row is hashed by, unless `hashed` has the
    SQL of that; and `<column>_units` for each column of money, in units of its last digit.
    `delivered` is the select list that makes the delivered texts of it. `layout_name` chooses the
    layout of a file by its number; without it, layouts take turns. `defaults` holds the options
    that differ from SetOptions, by shape.
    """

    dataset: str
    summary: str
    layouts: tuple[Layout, ...]
    silver: str
    delivered: str
    defects: tuple[Defect, ...]
    layout_name: Callable[[SetOptions, int], str] | None = None
    hashed: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"": {}})
    most_customers: int | None = None

    def options(self, out: Path, **given: Any) -> SetOptions:
        """Options of a set: what is given, else the dataset's and the shape's defaults."""
        shape = given.pop("shape", next(iter(self.defaults)))
        options = SetOptions(out=out, **{**self.defaults.get(shape, {}), "shape": shape, **given})
        self.check(options)
        return options

    def check(self, options: SetOptions) -> None:
        """Raise SettingsError when the dataset cannot be made with these options."""
        if options.shape not in self.defaults:
            shapes = ", ".join(filter(None, self.defaults)) or "none"
            raise SettingsError(f"shape={options.shape}: {self.dataset} has other shapes: {shapes}")
        if self.most_customers and options.customers > self.most_customers:
            raise SettingsError(f"customers={options.customers}: at most {self.most_customers:,}")

    def layout_of(self, options: SetOptions, number: int) -> Layout:
        """The layout of file `number`, from 1."""
        if self.layout_name is None:
            return self.layouts[(number - 1) % len(self.layouts)]
        name = self.layout_name(options, number)
        return next(layout for layout in self.layouts if layout.name == name)

    def classes(self, layout: Layout) -> list[int]:
        """The numbers of the defects that a layout can hold."""
        return [number for number, defect in enumerate(self.defects) if defect.fits(layout)]

    def edited(self, layout: Layout, column: str) -> str:
        """SQL of the text of a column: as it is, or as the defect of the record leaves it."""
        branches = [
            f"when {number} then {self.defects[number].edits[column]}"
            for number in self.classes(layout)
            if column in self.defects[number].edits
        ]
        edited = f"case defect {' '.join(branches)} else {column} end" if branches else column
        return edited.replace("<header>", layout.header)

    @property
    def row_hash(self) -> tuple[str, ...]:
        """SQL of the text of each silver column, in the order of the contract."""
        return hash_texts(self.dataset, self.hashed)

    @property
    def key_texts(self) -> tuple[str, ...]:
        """SQL of the text of each column of the silver key."""
        silver = load_contract("silver", self.dataset)
        texts = dict(zip((c.name for c in silver.columns), self.row_hash, strict=True))
        return tuple(texts[name] for name in silver.keys)

    @property
    def sums(self) -> dict[str, int]:
        """The columns of money, and the decimals of each."""
        columns = load_contract("silver", self.dataset).columns
        return {c.name: c.scale if c.is_decimal else 0 for c in columns if c.money}

    @property
    def types(self) -> dict[str, str]:
        """The types of silver columns, as DuckDB names them."""
        columns = load_contract("silver", self.dataset).columns
        return {c.name: "varchar" if c.type == "string" else c.type for c in columns}

    @property
    def units(self) -> str:
        """The columns of the sums, as a select list."""
        return ", ".join(f"{column}_units" for column in self.sums)


def lines_and_arrays(fields: Mapping[str, str], prefix: str) -> tuple[Layout, ...]:
    """JSON as one record a line, and as one array."""
    return (Layout("lines", "jsonl", fields, prefix), Layout("array", "array", fields, prefix))


def third_is_array(options: SetOptions, number: int) -> str:
    """Files 2, 5, 8, … are one array, all others are lines."""
    return "array" if number % 3 == 2 else "lines"
