"""The records of a request, checked one by one, and as the lines of the file that they go into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from assay.errors import FileRejectedError, RequestRefusedError

MOST_FINDINGS = 100
DOUBTFUL, REFUSED = "quarantine", "refused"
Finding = list[int | str | list[str]]


@dataclass(frozen=True)
class Target:
    """Which records can stand in one file: those of one dataset, kind and header.

    `pattern` names the file, `head` is its first line; of JSON, `shape` is the spelling of names.
    Records with a `topic` are values of that, and go into no file.
    """

    dataset: str
    pattern: str = ""
    head: bytes = b""
    shape: str = ""
    encoding: str = "utf-8"
    topic: str = ""


@dataclass
class Prepared:
    """What a request hands over: lines, each with its end, and what is to be said of them.

    Of a topic they are values, which have no end of their own, and `keys` are those of the records.
    """

    target: Target
    strict: bool
    lines: list[bytes] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    seen: int = 0
    doubtful: int = 0
    refused: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add_value(self, key: bytes | None, value: bytes, reasons: Sequence[str]) -> None:
        """Take one more record of a topic, as `add` takes that of a file."""
        before = len(self.lines)
        self.add(value, reasons)
        if len(self.lines) > before:
            self.keys.append(key)

    def add(self, line: bytes, reasons: Sequence[str]) -> None:
        """Take one more record of the request; a strict request goes without the doubtful."""
        self.seen += 1
        if reasons:
            status = REFUSED if self.strict else DOUBTFUL
            if len(self.findings) < MOST_FINDINGS:
                self.findings.append([self.seen, status, [*reasons]])
            if self.strict:
                self.refused += 1
                return
            self.doubtful += 1
        self.lines.append(line)

    @property
    def records(self) -> int:
        """How many are handed over."""
        return len(self.lines)

    def require_limits(self, most_records: int) -> None:
        """Raise RequestRefusedError where there is nothing to hand over, or too much for a file."""
        if not self.seen:
            raise RequestRefusedError(400, "the body has no record")
        if self.records > most_records:
            raise RequestRefusedError(413, f"more than {most_records:,} records; send several")


@dataclass(frozen=True)
class Posted:
    """One request that was found good, with who sent it."""

    prepared: Prepared
    producer: str
    key_id: str
    body_sha256: str
    idempotency_key: str | None = None

    @property
    def known_by(self) -> tuple[str, str, str]:
        """What a second request has in common with this one when it is the same."""
        return self.producer, self.prepared.target.dataset, self.idempotency_key or ""


def as_refusal(error: FileRejectedError) -> RequestRefusedError:
    """What acceptance would say of a file of this body, as an answer."""
    return RequestRefusedError(422, str(error))
