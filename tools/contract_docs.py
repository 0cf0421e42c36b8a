"""Writes docs/datasets.md from the contracts: `make docs`. A test fails when the page is stale."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from assay.airflow_ui.markdown import table
from assay.contracts.columns import Column, Condition
from assay.contracts.delivery import Source
from assay.contracts.dialect import Dialect, TextForms
from assay.contracts.load import all_contracts, load_contract
from assay.contracts.model import Contract, Expectation
from assay.settings import REPOSITORY

PAGE = REPOSITORY / "docs" / "datasets.md"
HEAD = """\
# Datasets

`make docs` writes this page from the contracts in `include/datasets/` and `include/gold/`;
`tests/test_docs.py` fails when it is stale. Change a contract, not this page.

Bronze holds every column as text. Silver has the types below; a record that breaks a rule is
quarantined with every reason, named `<column>.missing`, `.unparseable`, `.unknown`,
`.out_of_range` or `.too_long`. A date lies within the years 0001 to 9999, and so does a time after
its offset was applied. Rules that a contract cannot state are in
`include/spark_jobs/transformations/silver/`.

Under "when not met", *stops* means that the batch ends at this gate; *stops, may be overridden*
that a run with `gate_policy` = `override` goes on past it and records who and why; *reports* that
the task's log and `ops.validation_result` say so, and the batch goes on. The frame is what the
gate looks at: `rows` are the batch's rows of that table, the other frames are counts.
"""


EQUAL_VERSIONS = {
    "conflict": "Of equal versions with other content the first delivered stands; the others are "
    "quarantined as `version.conflict`.",
    "latest_delivery": "Of equal versions with other content the latest delivered wins.",
}


def render_page() -> str:
    """The whole page: what is of the repository."""
    datasets = [c for c in all_contracts("silver") if c.path.is_relative_to(REPOSITORY)]
    return "\n".join(
        [HEAD, *_overview(datasets), *(line for d in datasets for line in _dataset(d))]
    )


def write_page(path: Path = PAGE) -> None:
    """Write the page where readers look for it."""
    path.write_text(render_page())


def _overview(datasets: Sequence[Contract]) -> Iterator[str]:
    rows = []
    for silver in datasets:
        gold = ", ".join(f"`{each.table}`" for each in _gold_of(silver.name))
        serving = f"`{silver.serving}`" if silver.serving else "none"
        rows.append([f"[{silver.name}](#{silver.name})", _code(silver.keys), gold, serving])
    yield from table(["Dataset", "Silver key", "Gold", "Row-level table in Postgres"], rows)


def _gold_of(dataset: str) -> list[Contract]:
    """Gold tables of which this dataset is the first source, so that each is shown once."""
    return [gold for gold in all_contracts("gold") if gold.datasets[0] == dataset]


def _dataset(silver: Contract) -> Iterator[str]:
    bronze = load_contract("bronze", silver.name)
    yield f"## {silver.name}\n"
    if bronze.source:
        source = bronze.source
        names = f"{_code(source.patterns)}, {_dialect(source)}"
        yield f"Delivered by the {source.system} as {names}.\n"
        yield from _forms(silver.forms)
        yield from _shapes(source)
        yield from _stream(source)
    for contract in (bronze, silver, *_gold_of(silver.name)):
        yield from _contract(contract)


def _dialect(source: Source) -> str:
    """Encoding and CSV dialect; what is usual of the latter is not told, but for the delimiter."""
    dialect = source.dialect
    parts: list[str] = [dialect.encoding]
    if any(".csv" in pattern for pattern in source.patterns):
        parts.append(f"CSV columns are separated by `{_visible(dialect.delimiter)}`")
    if dialect.quote != Dialect().quote:
        parts.append(f"quotes are `{_visible(dialect.quote)}`")
    if not dialect.header:
        parts.append("files have no header: columns go by position")
    return "; ".join(parts)


def _visible(mark: str) -> str:
    """The character, or its escape when it is one such as a tab."""
    return mark if mark.isprintable() else repr(mark).strip("'")


def _forms(forms: TextForms) -> Iterator[str]:
    """What is not usual about the texts."""
    usual = TextForms()
    told = [
        f"{name.replace('_', ' ')} {_code(value)}"
        for name, value in vars(forms).items()
        if value != getattr(usual, name)
    ]
    if told:
        yield f"Texts: {'; '.join(told)}.\n"


def _shapes(source: Source) -> Iterator[str]:
    for name, headers in source.shapes.items():
        if headers:
            spelt = ", ".join(f"`{header}` for `{column}`" for column, header in headers.items())
            yield f"Shape {name}: {spelt}.\n"


def _stream(source: Source) -> Iterator[str]:
    if source.stream:
        kind = source.stream.values.upper()
        yield f"Topics of Kafka: {_code(source.stream.topics)}; each value is a record of {kind}.\n"


def _contract(contract: Contract) -> Iterator[str]:
    yield f"### {contract.table}\n"
    facts = [contract.description, f"One row is {contract.grain}.", f"Owner: {contract.owner}."]
    if contract.keys:
        facts.append(f"Key: {_code(contract.keys)}.")
    if contract.event_time:
        facts.append(f"The version with the latest {_code([contract.event_time])} wins.")
    if contract.layer == "silver":
        facts.append(EQUAL_VERSIONS[contract.on_equal_version])
    yield " ".join(facts) + "\n"
    if contract.layer == "bronze":
        rows = [[_code([c.name]), _code([c.header]), _yes(c.required)] for c in contract.columns]
        yield from table(["Column", "Header in the file", "Required"], rows)
    else:
        rows = [[_code([c.name]), c.type, _rules(c), c.description] for c in contract.columns]
        yield from table(["Column", "Type", "Rules", "Meaning"], rows)
    yield from table(
        ["Expectation", "Frame", "In terms of Great Expectations", "When not met"],
        [[e.name, _code([e.frame]), _call(e), _consequence(e)] for e in contract.expectations],
    )


def _rules(column: Column) -> str:
    """How the value comes about, then what must hold of it."""
    rules = [*_origin(column)] + ([] if column.nullable else ["not null"])
    if column.allowed:
        rules.append("one of " + ", ".join(column.allowed))
    if column.minimum is not None:
        rules.append(f"at least {column.minimum}")
    if column.maximum is not None:
        rules.append(f"at most {column.maximum}")
    if column.max_length is not None and not column.is_vocabulary:
        rules.append(f"at most {column.max_length} bytes")
    for condition in column.when:
        rules.append(_condition(condition))
    if column.money:
        rules.append("its sum is reconciled")
    if column.sensitive:
        rules.append("sensitive")
    return "; ".join(rules)


def _origin(column: Column) -> Iterator[str]:
    if column.source:
        yield f"from `{column.source}`"
    if column.standardise in ("upper", "lower"):
        yield (f"{column.standardise} case")
    if column.round:
        yield "rounded half to even"
    if column.hash_of:
        yield (f"else the hash of {_code(column.hash_of)}")
    for text, value in (column.synonyms | column.categories).items():
        yield (f"`{text}` is {value}")


def _condition(condition: Condition) -> str:
    bounds = {"at least": condition.minimum, "at most": condition.maximum}
    stricter = [] if condition.nullable else ["not null"]
    stricter += [f"{words} {bound}" for words, bound in bounds.items() if bound is not None]
    return f"{' and '.join(stricter)} when {condition.column} is {' or '.join(condition.values)}"


def _call(expectation: Expectation) -> str:
    arguments = ", ".join(f"{name}={json.dumps(v)}" for name, v in expectation.kwargs.items())
    return _code([f"{expectation.type}({arguments})"])


def _consequence(expectation: Expectation) -> str:
    if expectation.severity == "warn":
        return "reports"
    return "stops, may be overridden" if expectation.overridable else "stops"


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _yes(fact: object) -> str:
    return "yes" if fact else ""


if __name__ == "__main__":
    write_page()
