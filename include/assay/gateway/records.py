"""The records of a request, checked one by one, and as the lines of the file that they go into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from assay.errors import FileRejectedError, RequestRefusedError

MOST_FINDINGS = 100
LINES_A_RECORD = 10
BYTES_A_LINE = 100  # beside its own: what Python has of a line and its key
DOUBTFUL, REFUSED = "quarantine", "refused"
Finding = list[int | str | list[str]]


@dataclass(frozen=True)
class Target:
    """Which records can stand in one file: those of one dataset, kind and header.

    `pattern` names the file, `head` is its first line; of JSON, `shape` is the spelling of names,
    and `strays` are names of other shapes that records have besides.
    Records with a `topic` are values of that, and go into no file.
    """

    dataset: str
    pattern: str = ""
    head: bytes = b""
    shape: str = ""
    strays: tuple[str, ...] = ()
    encoding: str = "utf-8"
    topic: str = ""


@dataclass(frozen=True)
class Most:
    """How many records a body may have, and how many bytes all its lines may be together."""

    records: int
    size: int

    def require(self, records: int) -> None:
        """Raise RequestRefusedError (413) when a body has more records."""
        if records > self.records:
            raise RequestRefusedError(413, f"more than {self.records:,} records; send several")

    def require_lines(self, lines: int) -> None:
        """The same for lines, of which a record may have a few; they take time, even blank ones."""
        if lines > self.records * LINES_A_RECORD:
            most = self.records * LINES_A_RECORD
            raise RequestRefusedError(413, f"more than {most:,} lines; send several")


@dataclass
class Prepared:
    """What a request hands over: lines, each with its end, and what is to be said of them.

    Of a topic they are values, which have no end of their own, and `keys` are those of the records.
    Not more is taken than `most`: a small body that is packed well may have millions of records.
    """

    target: Target
    most: Most
    strict: bool
    lines: list[bytes] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    seen: int = 0
    doubtful: int = 0
    refused: int = 0
    size: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add_value(self, key: bytes | None, value: bytes, reasons: Sequence[str]) -> None:
        """Take one more record of a topic, as `add` takes that of a file."""
        before = len(self.lines)
        self.add(value, reasons)
        if len(self.lines) > before:
            self.keys.append(key)

    def add(self, line: bytes, reasons: Sequence[str]) -> None:
        """Take one more record of the request; a strict request goes without the doubtful.

        Raises RequestRefusedError (413) for one too many.
        """
        self.seen += 1
        self.most.require(self.seen)
        if reasons:
            status = REFUSED if self.strict else DOUBTFUL
            if len(self.findings) < MOST_FINDINGS:
                self.findings.append([self.seen, status, [*reasons]])
            if self.strict:
                self.refused += 1
                return
            self.doubtful += 1
        self.size += len(line)
        if self.size > self.most.size:
            raise RequestRefusedError(
                413, f"more than {self.most.size:,} bytes as they would be handed over"
            )
        self.lines.append(line)

    @property
    def records(self) -> int:
        """How many are handed over."""
        return len(self.lines)

    @property
    def memory(self) -> int:
        """About how many bytes it takes."""
        return self.size + self.records * BYTES_A_LINE

    def require_any(self) -> None:
        """Raise RequestRefusedError (400) where the body has no record."""
        if not self.seen:
            raise RequestRefusedError(400, "the body has no record")


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
