"""Files that a stream has on its hands, or has put away, of which `ops.batch_slice` has no row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property

from assay.storage.addresses import Place, as_place
from assay.storage.objects import exists
from assay.verify.evidence import Evidence
from assay.verify.report import Check

REASON = ".reason.txt"
LONGEST_NAME = 200  # of a longer one the name of the reason is cut


@dataclass
class StreamFiles:
    """What streams have written below accepted, rejected and archive, and below the home."""

    evidence: Evidence

    def are_told(self, check: Check, path: Place, sha256: str) -> bool:
        """Whether a file is a stream's business; one that it should not have left is a violation.

        Pending slices lie where the books say (I14). A slice file that no book has is of a
        micro-batch that was cut off. What is accepted and not recorded is in a list of its stream.
        """
        settings = self.evidence.settings
        if path in self._pending or path.is_relative_to(settings.accepted / "streams"):
            return True
        if path.is_relative_to(settings.accepted):
            return path in self._listed
        if self._is_of_stream(path, settings.rejected):
            self._check_rejected(check, path)
            return True
        if self._is_of_stream(path, settings.archive / "duplicates"):
            check.saw("duplicates of streams")
            if sha256 not in self._contents:
                told = "a content that a batch or a stream has"
                check.broken("file put away as a duplicate", told, "none", file=str(path))
            return True
        return False

    def _check_rejected(self, check: Check, path: Place) -> None:
        if path.name.endswith(REASON):
            return
        check.saw("files rejected by streams")
        reason = path.with_name(f"{path.name}{REASON}")
        if len(path.name) < LONGEST_NAME and not exists(reason):
            check.broken(
                "file that a stream has rejected", "a reason beside it", "none", file=str(path)
            )

    def _is_of_stream(self, path: Place, root: Place) -> bool:
        """Whether it lies in `<root>/<dataset>/<stream>/`."""
        if not path.is_relative_to(root):
            return False
        parts = path.relative_to(root).parts
        return len(parts) > 2 and parts[1] in self.evidence.books.streams

    @cached_property
    def _pending(self) -> set[Place]:
        slices = self.evidence.books.slices
        return {as_place(taken["path"]) for taken in slices if taken["released_by"] is None}

    @cached_property
    def _contents(self) -> set[str]:
        return {
            slice_id for _, slice_id in (*self.evidence.books.recorded, *self.evidence.books.claims)
        }

    @cached_property
    def _listed(self) -> set[Place]:
        """Accepted files that the query of a stream has still before it."""
        found = set()
        for file in (self.evidence.settings.home / "streams").rglob("*.list"):
            for line in file.read_text().splitlines(keepends=True):
                if line.endswith("\n"):
                    found.add(as_place(json.loads(line)["path"]))
        return found
