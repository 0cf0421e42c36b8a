"""The documents tell the truth: what they name exists, and what exists is named."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
import typer

import contract_docs
from assay.airflow_ui import task_docs
from assay.batch.params import PARAM_SCHEMAS
from assay.cli import generate
from assay.cli.main import app
from assay.contracts.columns import Column
from assay.contracts.load import load_contract
from assay.contracts.model import Expectation
from assay.settings import REPOSITORY

if TYPE_CHECKING:
    from conftest import Database

DOCS = REPOSITORY / "docs"
README = REPOSITORY / "README.md"
RUNBOOK = (DOCS / "runbook.md").read_text()
GLOSSARY = (DOCS / "glossary.md").read_text()
PAGES = [README, *sorted(DOCS.rglob("*.md"))]
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
CODE = [
    path
    for folder in ("dags", "include", "plugins", "tests", "tools")
    for path in sorted((REPOSITORY / folder).rglob("*.py"))
]


def relative(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def section(page: str, title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"no section {title!r}"
    return found[1]


def make_targets() -> list[str]:
    makefile = (REPOSITORY / "Makefile").read_text()
    return re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)


def commands(app: typer.Typer, name: str) -> Iterator[str]:
    for command in app.registered_commands:
        assert command.callback
        yield f"{name} {command.name or command.callback.__name__}"
    for group in app.registered_groups:
        assert group.typer_instance
        if group.typer_instance is generate.app:  # one command for each dataset
            yield f"{name} {group.name}"
        else:
            yield from commands(group.typer_instance, f"{name} {group.name}")


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(page: Path) -> list[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"\]\(([^)\s]+)\)", text)
    return [link for link in found if not link.startswith(("http:", "https:"))]


def test_readme_is_read_in_three_minutes() -> None:
    lines = len(README.read_text().splitlines())
    assert lines <= 150, f"README.md has {lines} lines; shorten it elsewhere to add some"


@pytest.mark.parametrize("target", make_targets())
def test_make_target_is_in_readme_or_runbook(target: str) -> None:
    assert re.search(rf"\bmake {target}\b", README.read_text() + RUNBOOK)


def test_readme_shows_what_make_help_prints() -> None:
    printed = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout.strip("\n") in README.read_text()


@pytest.mark.parametrize("command", [*commands(app, "assay")])
def test_command_is_in_readme_or_runbook(command: str) -> None:
    assert re.search(rf"`?{command}\b", README.read_text() + RUNBOOK)


@pytest.mark.parametrize("param", PARAM_SCHEMAS)
def test_param_is_in_runbook(param: str) -> None:
    assert f"`{param}`" in section(RUNBOOK, "Run it by hand")


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_relative_links_resolve(page: Path) -> None:
    for link in links(page):
        name, _, anchor = unquote(link).partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link}: no such file"
        if anchor:
            assert anchor in anchors(target), f"{link}: no such title"


@pytest.mark.parametrize("page", PAGES[1:], ids=relative)
def test_page_is_reached_from_another(page: Path) -> None:
    reached = {
        (other.parent / unquote(link).partition("#")[0]).resolve()
        for other in PAGES
        if other != page
        for link in links(other)
    }
    assert page in reached or page.parent in reached


def test_every_dag_file_has_a_docstring() -> None:
    files = sorted((REPOSITORY / "dags").glob("*.py"))
    assert files
    for path in files:
        assert ast.get_docstring(ast.parse(path.read_text())), f"{path.name} has no docstring"


def test_datasets_page_is_fresh() -> None:
    assert contract_docs.PAGE.read_text() == contract_docs.render_page(), "run make docs"


def test_architecture_page_has_the_table_of_the_tasks() -> None:
    page = task_docs.PAGE.read_text()
    assert page == task_docs.render_page(page), "run make docs"
    stale = page.replace(" Who acts |", " Who acted |")
    assert stale != page
    assert task_docs.render_page(stale) == page
    with pytest.raises(ValueError, match="mark begin and end of the table"):
        task_docs.render_page("a page without marks")


def test_datasets_page_names_every_column_and_expectation() -> None:
    page = contract_docs.render_page()
    for contract in (
        load_contract("bronze", "trades"),
        load_contract("silver", "trades"),
        load_contract("gold", "customer_exposure"),
    ):
        part = page.partition(f"### {contract.table}\n")[2].partition("\n### ")[0]
        for column in contract.columns:
            assert f"| `{column.name}` |" in part
        for expectation in contract.expectations:
            assert f"| {expectation.name} |" in part


def test_datasets_page_states_rules_and_consequences() -> None:
    column = Column("c", "int", nullable=False, allowed=("A|B",), minimum="1", standardise="upper")
    assert contract_docs._rules(column) == "upper case; not null; one of A|B; at least 1"
    strict = Expectation("e", "expect_x", "rows", {"column": "c"}, overridable=False)
    assert contract_docs._consequence(strict) == "stops"
    assert contract_docs._call(strict) == '`expect_x(column="c")`'
    warning = Expectation("e", "expect_x", "rows", {}, severity="warn")
    assert contract_docs._consequence(warning) == "reports"


def banned_names() -> set[str]:
    listed = section(GLOSSARY, "Words we do not use").partition("As names of")[2].partition(".")[0]
    names = set(re.findall(r"`(\w+)`", listed))
    assert {"utils", "helper", "manager", "common"} <= names
    return names


@pytest.mark.parametrize("path", CODE, ids=relative)
def test_module_name_has_no_banned_word(path: Path) -> None:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    words = {word for part in parts for word in part.lower().split("_")}
    assert not words & banned_names()


@pytest.mark.parametrize("decision", DECISIONS, ids=relative)
def test_decision_has_context_choice_and_consequence(decision: Path) -> None:
    text = decision.read_text()
    assert text.startswith(f"# {decision.name[:4]}: ")
    for part in ("Context", "Choice", "Consequence"):
        assert f"**{part}.**" in text


def test_decisions_are_numbered_once() -> None:
    numbers = [path.name[:4] for path in DECISIONS]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


def test_every_direct_dependency_has_its_reason() -> None:
    wanted = [
        re.split(r"[=<>;\[]", line)[0].strip()
        for name in ("requirements.in", "requirements-dev.in")
        for line in (REPOSITORY / name).read_text().splitlines()
        if line[:1].isalnum()
    ]
    reasons = next((DOCS / "decisions").glob("0002-*.md")).read_text()
    assert wanted
    assert [name for name in wanted if f"`{name}`" not in reasons] == []


def test_error_texts_in_the_runbook_are_those_of_the_code() -> None:
    sources = "\n".join(path.read_text() for path in CODE if "tests" not in path.parts)
    joined = re.sub(r'"\s*\n\s*f?"', "", sources)  # one literal, written on two lines
    rows = section(RUNBOOK, "What error texts mean").splitlines()
    texts = re.findall(r"`([^`]+)`", "\n".join(row.split("|")[1] for row in rows if "|" in row))
    fragments = [part.strip(" ,;") for text in texts for part in text.split("…")]
    assert len(fragments) > 20
    assert [part for part in fragments if part not in joined] == []


def queries() -> list[str]:
    blocks = re.findall(r"^```sql\n(.*?)^```", RUNBOOK, re.MULTILINE | re.DOTALL)
    return [query for block in blocks for query in block.split("\n\n")]


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.splitlines()[0])
def test_query_of_the_runbook_runs_as_the_reader(database: Database, query: str) -> None:
    with database.connect("assay_reader") as reader:
        assert reader.execute(query).description
