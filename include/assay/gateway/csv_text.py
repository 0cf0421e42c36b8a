"""How records of CSV are written: in quotes where they need them, in the encoding of the feed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from assay.contracts.dialect import Dialect
from assay.errors import RequestRefusedError
from assay.gateway.values import Text
from assay.intake.csv_files import LONGEST_FIELD


def line_of(row: Sequence[Text], dialect: Dialect) -> str:
    """A record of CSV; None is an empty field, an empty text one in quotes.

    Raises RequestRefusedError (413) for a value that no file may hold.
    """
    special = {dialect.delimiter, dialect.quote, "\r", "\n", " ", "\t"}
    return dialect.delimiter.join(_fields(row, dialect.quote, special.intersection)) + "\n"


def sparse_line(row: Sequence[Text], more: Mapping[int, Text], width: int, dialect: Dialect) -> str:
    """The same with so many more fields, of which all are empty that are not given by position.

    It takes the time of those that are given: a body may have thousands of names, and of records.
    """
    parts, next_position = [line_of(row, dialect)[:-1]], 0
    for position in sorted(more):
        gap = dialect.delimiter * (position + 1 - next_position)
        parts += [gap, line_of([more[position]], dialect)[:-1]]
        next_position = position + 1
    return "".join([*parts, dialect.delimiter * (width - next_position), "\n"])


def malformed_line(text: str, fields: int, dialect: Dialect) -> str:
    """A text as a record that has not as many fields as the header."""
    return line_of([text] if fields > 1 else [text, ""], dialect)


def encoded(text: str, dialect: Dialect) -> bytes:
    """The text in UTF-8, when the files of the feed can hold it; else RequestRefusedError (422)."""
    if dialect.encoding in ("latin-1", "cp1252"):
        try:
            text.encode(dialect.encoding)
        except UnicodeEncodeError as error:
            raise RequestRefusedError(
                422, f"{error.object[error.start]!r} cannot be written in {dialect.encoding}"
            ) from error
    return text.encode()


def _fields(row: Sequence[Text], quote: str, specials: Callable[[str], set[str]]) -> Iterator[str]:
    for text in row:
        if text is None:
            yield ""
        elif len(text) > LONGEST_FIELD:
            raise RequestRefusedError(413, f"a value of more than {LONGEST_FIELD:,} characters")
        elif not text or specials(text):
            yield f"{quote}{text.replace(quote, quote * 2)}{quote}"
        else:
            yield text
