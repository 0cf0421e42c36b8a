"""The independent auditor: it recomputes every promise from files, Delta and Postgres.

It shares contracts, settings and connection facts with the pipeline, and none of its code.
"""

from __future__ import annotations

from assay.verify.audit import audit
from assay.verify.report import TITLES, Check, Violation

__all__ = ["TITLES", "Check", "Violation", "audit"]
