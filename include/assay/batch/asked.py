"""How the params of a run ask for a kind of input, and which params mean something to that kind.

A kind that people can ask for by a param has one line here, and no module asks for the word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.batch.inputs import Input, Patch, Rebuild, Releases, Replay, Slices, Waiver

FILTERS = ("quarantine_dataset", "quarantine_batch", "quarantine_reason")
OF_EACH = ("source", "override_reason")
_FROM_LANDING = ("batch_date", "landing_glob")
_JUDGED = ("dry_run", "gate_policy", "export_format")


@dataclass(frozen=True)
class Asked:
    """A kind, the words that say when it was asked for, and the params that it heeds."""

    kind: type[Input]
    when: str
    heeds: tuple[str, ...]
    needs_reason: bool = False  # the books are to say why


# By the param `source`.
SOURCES: Mapping[str, Asked] = {
    "files": Asked(
        Slices, "when source is files", (*OF_EACH, *_JUDGED, *_FROM_LANDING, "full_rebuild")
    ),
    "quarantine": Asked(
        Replay, "when source is quarantine", (*OF_EACH, *_JUDGED, *FILTERS, "movement_reason")
    ),
    "patch": Asked(
        Patch,
        "when source is patch",
        (*OF_EACH, *_JUDGED, *_FROM_LANDING, "movement_reason"),
        needs_reason=True,
    ),
    "waive": Asked(
        Waiver, "when source is waive", (*OF_EACH, *FILTERS, "movement_reason"), needs_reason=True
    ),
}
REBUILD = Asked(Rebuild, "when full_rebuild is true", (*OF_EACH, *_JUDGED, "full_rebuild"))
# Of a pipeline that takes no files but the releases of others.
RELEASES = Asked(
    Releases,
    "for a pipeline that takes no files",
    ("override_reason", *_JUDGED, "full_rebuild"),
)


def asked_by(source: str, *, full_rebuild: bool, from_silver: bool) -> Asked:
    """What the params ask for; `from_silver`, of a pipeline that takes no files but releases."""
    if from_silver:
        return RELEASES
    asked = SOURCES[source]
    return REBUILD if full_rebuild and "full_rebuild" in asked.heeds else asked
