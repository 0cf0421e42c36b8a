"""Texts that a spreadsheet would run as formulas, and the apostrophe that keeps it from that."""

from __future__ import annotations

import re

# Marks that are there already count as part of it, so that taking one away gives the text back.
FORMULA_START = r"^'*[=+\-@\t\r]"
MARK = "'"


def disarm_text(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run as a formula."""
    return f"{MARK}{text}" if re.match(FORMULA_START, text) else text


def take_mark_away(text: str) -> str:
    """The text that was disarmed; any other is returned as it is."""
    return text[1:] if text.startswith(MARK) and re.match(FORMULA_START, text) else text
