"""From the bytes of a body to the records that are handed over, for a file or for a topic."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from assay.contracts.delivery import Stream
from assay.errors import RequestRefusedError
from assay.gateway.body import Kind, require_text, unpack
from assay.gateway.check import Checker, checker_of
from assay.gateway.csv_body import prepare_csv
from assay.gateway.csv_of_json import prepare_csv_of_json
from assay.gateway.json_body import prepare_lines
from assay.gateway.limits import Limits
from assay.gateway.naming import CSV, JSON, pattern_for
from assay.gateway.records import Most, Prepared
from assay.gateway.values_of_topics import prepare_values


@dataclass(frozen=True)
class Asked:
    """What a request says of its body."""

    dataset: str
    kind: Kind
    encoding: str = ""
    strict: bool = False


@dataclass(frozen=True)
class Preparer:
    """Reads bodies. With `to_topics` the records of a dataset that has topics are values of one."""

    limits: Limits
    to_topics: bool = False

    def stream_of(self, dataset: str) -> Stream | None:
        """The topics that records of a dataset go to; None when they go to landing."""
        source = checker_of(dataset).bronze.source
        return source.stream if self.to_topics and source else None

    def prepare(self, stored: bytes, asked: Asked) -> tuple[Prepared, str]:
        """The records of a body, checked; and the SHA-256 of the body, once it is unpacked.

        Raises RequestRefusedError.
        """
        checker = checker_of(asked.dataset)
        body = require_text(unpack(stored, asked.encoding, self.limits.unpacked_bytes))
        strict, records = asked.strict, min(self.limits.records, checker.bronze.limits.records)
        if stream := self.stream_of(asked.dataset):
            most = Most(records, self.limits.made_bytes)
            prepared = prepare_values(body, asked.kind, checker, stream, most, strict=strict)
        else:
            most = Most(records, self.limits.text_of_file(checker.bronze))
            prepared = _for_files(body, asked, checker, most)
        prepared.require_any()
        return prepared, hashlib.sha256(body).hexdigest()


def _for_files(body: bytes, asked: Asked, checker: Checker, most: Most) -> Prepared:
    lines, table = (pattern_for(checker.bronze, each) for each in (JSON, CSV))
    kind, strict = asked.kind, asked.strict
    if kind is Kind.CSV and table:
        return prepare_csv(body, checker, table, most, strict=strict)
    if kind is not Kind.CSV and lines:
        return prepare_lines(body, kind, checker, lines, most, strict=strict)
    if kind is not Kind.CSV and table:
        return prepare_csv_of_json(body, kind, checker, table, most, strict=strict)
    raise RequestRefusedError(415, _why_not(asked.dataset, kind, bool(lines or table)))


def _why_not(dataset: str, kind: Kind, has_any: bool) -> str:
    if has_any:
        return f"dataset {dataset} takes no {kind.value}; its contract has no pattern of such files"
    return f"dataset {dataset} has no pattern such as *.jsonl.gz or *.csv.gz in source.patterns"
