"""The file of a proposed dataset: its contract, with the evidence as comments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import yaml

from assay.contracts.dialect import Dialect, TextForms
from assay.profile.proposal import Proposal, ProposedColumn
from assay.words import count

WIDTH = 96
PLAIN = re.compile(r"[A-Za-z_][\w./-]*( [\w./-]+)*")


def render(proposal: Proposal) -> str:
    """The text of dataset.yaml."""
    return "\n".join([*_head(proposal), *_source(proposal), *_columns(proposal), ""])


def scalar(value: object) -> str:
    """A value as YAML; a text in quotes unless it can be nothing but this text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if PLAIN.fullmatch(text) and yaml.safe_load(text) == text:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _listed(values: Sequence[str]) -> str:
    return f"[{', '.join(map(scalar, values))}]"


def _comments(lines: Sequence[str], indent: str = "") -> Iterator[str]:
    for line in lines:
        shown = "".join(c if c.isprintable() else "?" for c in line)  # YAML takes no others
        words, row = shown.split(" "), ""
        for word in words:
            if row and len(indent) + len(row) + len(word) + 3 > WIDTH:
                yield f"{indent}# {row}"
                row = "  "
            row = f"{row} {word}" if row.strip() else f"{row}{word}"
        yield f"{indent}# {row}"


def _head(proposal: Proposal) -> Iterator[str]:
    files = ", ".join(proposal.files)
    yield from _comments([f"Proposed from {count(proposal.records, 'record')} of {files}."])
    if proposal.decisions:
        yield "# To decide:"
        yield from _comments([f"- {decision}" for decision in proposal.decisions])
    yield f"owner: {scalar(proposal.owner)}"
    yield f"description: {scalar(f'The latest good version of every record of {proposal.name}.')}"
    yield f"grain: {scalar('one ' + ' and '.join(proposal.keys))}"
    yield from _comments([proposal.keys_evidence])
    yield f"keys: {_listed(proposal.keys)}"
    yield from _comments([proposal.event_time_evidence])
    yield f"event_time: {scalar(proposal.event_time)}"
    if proposal.latest_delivery:
        yield "on_equal_version: latest_delivery"
    yield f"serving: {scalar(f'serving.{proposal.name}')}"


def _source(proposal: Proposal) -> Iterator[str]:
    yield "source:"
    yield f"  system: {scalar(f'sender of {proposal.name}')}"
    told = f"Records of {proposal.name} as delivered, every column as text."
    yield f"  description: {scalar(told)}"
    yield f"  patterns: {_listed(proposal.patterns)}"
    if proposal.is_csv:
        yield f"  delimiter: {json.dumps(proposal.dialect.delimiter)}"
        if proposal.dialect.quote != Dialect().quote:
            yield f"  quote: {json.dumps(proposal.dialect.quote)}"
        yield f"  encoding: {scalar(proposal.dialect.encoding)}"
        if not proposal.dialect.header:
            yield "  header: false"
    usual = asdict(TextForms())
    for key, value in asdict(proposal.forms).items():
        if value != usual[key]:
            told = _listed(value) if isinstance(value, tuple) else json.dumps(value)
            yield f"  {key}: {told}"


def _columns(proposal: Proposal) -> Iterator[str]:
    yield "columns:"
    if proposal.hash_key:
        yield from _hash_key(proposal)
    for column in proposal.columns:
        yield from _comments([column.evidence], "  ")
        lines = [*_column(column, proposal)]
        yield f"  - {lines[0]}"
        yield from (f"    {line}" for line in lines[1:])


def _hash_key(proposal: Proposal) -> Iterator[str]:
    yield f"  - name: {proposal.hash_key}"
    yield "    type: string"
    yield "    nullable: false"
    names = [column.typed.name for column in proposal.columns]
    yield f"    hash_of: {_listed(names)}"
    yield f"    description: {scalar('Made from all other columns')}"


def _column(column: ProposedColumn, proposal: Proposal) -> Iterator[str]:
    typed = column.typed
    yield f"name: {scalar(typed.name)}"
    if typed.field.header != typed.name and proposal.dialect.header:
        yield f"header: {scalar(typed.field.header)}"
    if not column.nullable and proposal.dialect.header:
        yield "required: true"
    yield f"type: {scalar(typed.type)}"
    if typed.is_rounded:
        yield "round: half_even"
    if not column.nullable:
        yield "nullable: false"
    if column.minimum:
        yield f"minimum: {json.dumps(column.minimum)}"
    if column.allowed:
        yield f"allowed: {_listed(column.allowed)}"
    if column.money:
        yield "money: true"
    if column.sensitive:
        yield "sensitive: true"
    yield f"description: {scalar(f'{typed.field.header} as delivered')}"
