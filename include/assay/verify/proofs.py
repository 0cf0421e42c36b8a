"""I11 and I12: what was released had passed its gates, and can still be read."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import get_args

from deltalake import DeltaTable

from assay.contracts.folders import contract_path
from assay.contracts.load import load_contract
from assay.contracts.model import Contract, Layer
from assay.storage.objects import sizes_below
from assay.verify.books import LIVE, Row
from assay.verify.delta_log import LogEntry, files_at
from assay.verify.evidence import Evidence
from assay.verify.report import Check

GATED: dict[str, Layer] = {layer: layer for layer in get_args(Layer)}
BUILT_BY = {"bronze": "ingest_bronze", "silver": "build_silver", "gold": "build_gold"}
KEPT_UNLESS_TOLD = timedelta(days=7)


def check_gates(evidence: Evidence, check: Check) -> None:
    """Every version that a batch in the lake made has a pass of every expectation on it.

    On it means: recorded by an attempt later than the build that was committed, and for silver and
    gold earlier than the commit. All expectations of the contract are asked for when the batch was
    judged under the contract as it is today; under an older one, those that were recorded.
    """
    for table in evidence.table_names():
        owner, _, name = table.partition(".")
        layer = GATED.get(owner)
        if layer is None:
            continue
        if not contract_path(layer, name).is_file():
            check.saw("tables that have no contract any more")
            continue
        with check.reading(table):
            contract = load_contract(layer, name)
            commits = {entry.batch_id: entry for entry in evidence.log(table) if entry.batch_id}
            for batch_id, entry in commits.items():
                batch = evidence.books.batches.get(batch_id)
                if batch and batch["state"] in LIVE and evidence.in_scope(batch_id):
                    _check_verdicts(evidence, check, contract, batch, entry)


def _check_verdicts(
    evidence: Evidence, check: Check, contract: Contract, batch: Row, entry: LogEntry
) -> None:
    batch_id, where = batch["batch_id"], f"version {entry.version} of {contract.table}"
    build, commit = _bounds(evidence, contract.layer, batch_id, entry)
    verdicts = [
        row
        for row in evidence.books.verdicts
        if (row["batch_id"], row["table_name"]) == (batch_id, contract.table)
        and build < row["epoch"] < commit
    ]
    gate = max((row["epoch"] for row in verdicts), default=0)
    found = {row["expectation"]: row for row in verdicts if row["epoch"] == gate}
    check.saw("versions")
    check.saw("verdicts", len(found))
    asked = contract.expectations if evidence.is_under_contract(contract, batch_id) else ()
    if not found:
        check.broken(f"verdicts on {where}", "those of its gate", "none", batch=batch_id)
        return
    for expectation in asked:
        if expectation.name not in found:
            what = f"verdict of {expectation.name!r} on {where}"
            check.broken(what, "one", "none", batch=batch_id)
    fixed = {expectation.name for expectation in asked if not expectation.overridable}
    for name, row in found.items():
        passed = row["success"] or row["severity"] != "fail"
        if not (passed or (row["overridden"] and name not in fixed)):
            check.broken(f"{name!r} on {where}", "met or overridden", "neither", batch=batch_id)


def _bounds(evidence: Evidence, layer: str, batch_id: str, entry: LogEntry) -> tuple[float, float]:
    """The epochs between which the gate must have run: those of build and commit."""
    if layer == "bronze":
        return entry.epoch, float("inf")
    builds = [
        row["epoch"]
        for row in evidence.books.attempts
        if row["batch_id"] == batch_id
        and row["task_id"].endswith(BUILT_BY[layer])
        and row["state"] == "SUCCESS"
        and row["epoch"] < entry.epoch
    ]
    return max(builds, default=-1), entry.epoch


def check_readability(evidence: Evidence, check: Check) -> None:
    """Every table version of a retained release has all its files, each of the size in the log.

    Retained is the newest release of each table, and any other for as long as its tables keep
    the files that they no longer use.
    """
    wanted: dict[str, set[int]] = {}
    newest = evidence.books.current
    for release in evidence.books.releases:
        for table, version in release["versions"].items():
            if table not in evidence.table_names():
                continue
            with check.reading(table):
                if newest.get(table) is release or _is_kept(evidence, table, release):
                    wanted.setdefault(table, set()).add(version)
    for table in evidence.table_names():  # what is not released is read at its head
        with check.reading(table):
            if table.startswith("bronze.") and evidence.log(table):
                wanted[table] = {evidence.log(table)[-1].version}
    for table, versions in wanted.items():
        with check.reading(table):
            _check_files(evidence, check, table, versions)


def _is_kept(evidence: Evidence, table: str, release: Row) -> bool:
    released: datetime = release["released_at"]
    return datetime.now(UTC) - released < _retention(evidence, table)


def _retention(evidence: Evidence, table: str) -> timedelta:
    configured = DeltaTable(evidence.path(table)).metadata().configuration
    told = re.fullmatch(
        r"interval (\d+) (day|hour|week)s?",
        configured.get("delta.deletedFileRetentionDuration", ""),
    )
    return timedelta(**{f"{told[2]}s": int(told[1])}) if told else KEPT_UNLESS_TOLD


def _check_files(evidence: Evidence, check: Check, table: str, versions: set[int]) -> None:
    folder = evidence.path(table)
    there, lost = sizes_below(folder), []
    for name, size in files_at(folder, evidence.log(table), versions).items():
        check.saw("files")
        if name not in there:
            lost.append(name)
        elif size not in (None, there[name]):
            check.broken(f"bytes of a file of {table}", size, there[name], file=name)
    for name in lost[:5]:
        check.broken(f"file of {table}", "there", "missing", file=name)
    if len(lost) > 5:
        check.broken(f"files of {table}", "all there", f"{len(lost):,} missing")
    check.saw("versions", len(versions))
