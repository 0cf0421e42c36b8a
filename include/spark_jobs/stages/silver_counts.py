"""What became of a batch's records: its change sets counted, those of all datasets in one query."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from assay.batch.results import GOOD_CLASSES, RECORD_CLASSES
from assay.batch.stage_results import Bounds
from assay.contracts.model import Contract
from spark_jobs.lakehouse.merge import told_columns
from spark_jobs.transformations.conform import ROUNDED, rounded_values

COUNTS = ("records", "settled", *RECORD_CLASSES)
RANGE = "struct<known: bigint, least: string, most: string>"


@dataclass(frozen=True)
class Counted:
    """A change set in numbers. Each row of `groups` is of one file, class and list of reasons."""

    contract: Contract
    groups: list[Row]

    def winners(self) -> list[str]:
        """The files of which a record has won, by the order of deliveries, over a silver row."""
        return [g["file_id"] for g in self.groups if g["class"] == "updated" and g["settled"]]

    def classes(self) -> dict[str, dict[str, int]]:
        """By file: records, settled ones, those of each class, rounded values if there may be."""
        names = [*COUNTS, *([ROUNDED] if self.contract.rounded else [])]
        files: dict[str, dict[str, int]] = {}
        for group in self.groups:
            file = files.setdefault(group["file_id"], dict.fromkeys(names, 0))
            file[group["class"]] += group["records"]
            file["records"] += group["records"]
            file["settled"] += group["settled"]
            if self.contract.rounded and group["class"] != "quarantined":
                file[ROUNDED] += sum(group["rounded"])
        return files

    def rounded(self) -> dict[str, int]:
        """How many values of each column were rounded, in records that are not quarantined."""
        good = [group["rounded"] for group in self.groups if group["class"] != "quarantined"]
        names = [column.name for column in self.contract.rounded]
        return {name: sum(values[n] for values in good) for n, name in enumerate(names)}

    def sums(self) -> dict[str, dict[str, str]]:
        """Exact sums of every money column per good class, and of the rows that are replaced."""
        names = [*GOOD_CLASSES, "replaced"]
        totals = {name: dict.fromkeys(self.contract.money, Decimal(0)) for name in names}
        for group in self.groups:
            for n, column in enumerate(self.contract.money):
                if group["class"] in totals:
                    totals[group["class"]][column] += _exact(group["sums"][n])
                totals["replaced"][column] += _exact(group["replaced"][n])
        return {name: {c: str(v) for c, v in sums.items()} for name, sums in totals.items()}

    def reasons(self) -> dict[str, int]:
        """How many quarantined records have each reason, by its name."""
        found: Counter[str] = Counter()
        for group in self.groups:
            for reason in group["reasons"] if group["class"] == "quarantined" else ():
                found[reason] += group["records"]
        return dict(sorted(found.items()))

    def fingerprint(self) -> dict[str, str]:
        """A digest of the contents of each file and class that no order of rows changes."""
        prints: Counter[str] = Counter()
        for group in self.groups:
            prints[f"{group['file_id']}/{group['class']}"] += int(group["fingerprint"])
        return {place: str(bits) for place, bits in prints.items()}

    def bounds(self) -> Bounds:
        """Between which values the columns of the replaced silver rows lie, as text; see `merge`.

        A column that is null in one of them has none, for a null lies between no values.
        """
        replacing = [group for group in self.groups if group["class"] == "updated"]
        kinds = {column.name: column.type for column in self.contract.columns}
        found: Bounds = {}
        for n, name in enumerate(_bounded(self.contract)):
            ranges = [(group["ranges"][n], group["records"]) for group in replacing]
            if ranges and all(values["known"] == records for values, records in ranges):
                order = order_of(kinds[name])
                least = min((values["least"] for values, _ in ranges), key=order)
                found[name] = (least, max((values["most"] for values, _ in ranges), key=order))
        return found


def order_of(kind: str) -> Callable[[str], Any]:
    """By what to sort the texts that Spark makes of values: dates and times sort as texts."""
    is_number = kind in ("int", "bigint") or kind.startswith("decimal")
    return Decimal if is_number else str


def count_change_sets(
    change_sets: Mapping[str, tuple[DataFrame, Contract]],
) -> dict[str, Counted]:
    """The change sets by the name of their dataset, in numbers."""
    if not change_sets:
        return {}
    asked = [_groups(name, *change_set) for name, change_set in change_sets.items()]
    found: dict[str, list[Row]] = defaultdict(list)
    for row in reduce(DataFrame.unionAll, asked).collect():
        found[row["dataset"]].append(row)
    return {name: Counted(contract, found[name]) for name, (_, contract) in change_sets.items()}


def _groups(dataset: str, change_set: DataFrame, contract: Contract) -> DataFrame:
    """Sums are texts, which are exact, and of one type whatever the contract."""
    bits = F.xxhash64("row_hash").cast("decimal(20,0)")
    return (
        change_set.groupBy("file_id", "class", "reasons")
        .agg(
            F.count("*").alias("records"),
            F.count_if("settled").alias("settled"),
            F.sum(bits).alias("fingerprint"),
            _array("string", (F.sum(name) for name in contract.money)).alias("sums"),
            _array("string", (F.sum(f"replaced.{name}") for name in contract.money)).alias(
                "replaced"
            ),
            _array("bigint", map(rounded_values, contract.rounded)).alias("rounded"),
            _array(RANGE, map(_range, _bounded(contract))).alias("ranges"),
        )
        .withColumn("dataset", F.lit(dataset))
    )


def _bounded(contract: Contract) -> list[str]:
    """What files are left unread by: columns with statistics, and the one that splits the files."""
    return told_columns(contract, {*contract.keys, contract.event_time, contract.partition_by})


def _range(name: str) -> Column:
    """In how many of the rows to be replaced a column has a value, and between which these lie."""
    value = F.col(f"replaced.{name}")
    least, most = (bound(value).cast("string") for bound in (F.min, F.max))
    return F.struct(F.count(value).alias("known"), least.alias("least"), most.alias("most"))


def _array(kind: str, values: Iterable[Column]) -> Column:
    """Values as an array of one type, also when there are none."""
    return F.array(*values).cast(f"array<{kind}>")


def _exact(text: str | None) -> Decimal:
    return Decimal(text or 0) or Decimal(0)
