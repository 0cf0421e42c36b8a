"""I14: every slice of a stream is in one place, and live holds what is not released and no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from assay.contracts.columns import Column
from assay.contracts.folders import contract_path
from assay.contracts.load import load_contract
from assay.storage.addresses import as_place
from assay.storage.objects import exists, on_this_machine
from assay.verify.books import GAVE_BACK, UNDONE, Row
from assay.verify.conservation import CLASSES
from assay.verify.evidence import Evidence
from assay.verify.live import LiveRows, compare_values
from assay.verify.places import hash_file
from assay.verify.records import how_to_read, read_numbered
from assay.verify.report import Check

Key = tuple[str, str]
SLICE_ID = [Column("slice_id")]


def check_slices(evidence: Evidence, check: Check) -> None:
    """Each slice is pending, claimed by one live batch, released, or rejected, and its records
    with it.

    Pending or claimed, its records are in live, good or bad, or it is parked and none of them is;
    released, none of them is, and the ledger has them all; rejected, none is, and no batch has it.
    Its file has that many. The values that live shows are those of the slice files, typed as the
    contract says.
    """
    for dataset in sorted({taken["dataset"] for taken in evidence.books.slices}):
        if evidence.has_dataset(dataset):
            with check.reading(f"slices of {dataset}"):
                _Slices(evidence, check, dataset).check_all()


@dataclass
class _Slices:
    """The slices of one dataset, beside claims, ledger and live."""

    evidence: Evidence
    check: Check
    dataset: str

    def check_all(self) -> None:
        for taken in self._in_scope():
            self._check_place(taken)
            self.check.saw("slices")
        live = self._live()
        if live is None:
            return
        for taken in self._in_scope():
            self._check_live(taken, live)
        if not self.evidence.batch:
            known = {taken["slice_id"] for taken in self._own}
            for slice_id, rows in live.strangers(known):
                what = "rows in live of no slice that is recorded"
                self.check.broken(what, 0, rows, file=slice_id)
        with self.check.reading(f"values of live of {self.dataset}"):
            compare_values(self.evidence, self.check, live, self._shown())

    @cached_property
    def _own(self) -> list[Row]:
        return [row for row in self.evidence.books.slices if row["dataset"] == self.dataset]

    @cached_property
    def _claims(self) -> dict[str, Row]:
        """What a live batch has accepted, by slice_id; that it is one batch only is I7."""
        books = self.evidence.books
        return {
            row["slice_id"]: row
            for row in books.files
            if (row["dataset"], row["verdict"]) == (self.dataset, "accepted")
            and books.batches[row["batch_id"]]["state"] not in GAVE_BACK
        }

    @cached_property
    def _told(self) -> Counter[Key]:
        """Records in the ledger, by batch and slice."""
        told = Counter[Key]()
        for row in self.evidence.books.ledger:
            if row["dataset"] == self.dataset:
                told[row["batch_id"], row["slice_id"]] = sum(row[name] for name in CLASSES)
        return told

    def _in_scope(self) -> Iterator[Row]:
        for taken in self._own:
            claim = self._claims.get(taken["slice_id"])
            if self.evidence.in_scope(claim["batch_id"] if claim else ""):
                yield taken

    def _live(self) -> LiveRows | None:
        """What live has of the dataset; None where its rows are not served."""
        if not contract_path("silver", self.dataset).is_file():
            return None
        silver = load_contract("silver", self.dataset)
        return LiveRows(self.evidence, silver) if silver.serving else None

    def _shown(self) -> list[Row]:
        """Slices whose rows live has to have, and that were typed by the contract of today."""
        version = load_contract("silver", self.dataset).version
        return [
            taken
            for taken in self._own
            if _is_shown(taken) and taken["contract_version"] == version
        ]

    def _check_place(self, taken: Row) -> None:
        books, released_by = self.evidence.books, taken["released_by"]
        claim = self._claims.get(taken["slice_id"])
        where = {"batch": (claim or {}).get("batch_id", ""), "file": taken["source_file"]}
        if claim and taken["rejected"]:
            self.check.broken("batch of a rejected slice", "none", claim["batch_id"], **where)
        if claim is None:
            if released_by is None:
                self._check_file(taken)
            elif not self._was_set_aside(taken):
                told = f"pending, for {released_by} does not hold it"
                self.check.broken("the batch that released a slice", told, released_by, **where)
            return
        is_released = claim["batch_id"] in books.released
        expected = claim["batch_id"] if is_released else None
        self.check.equal("the batch that released a slice", expected, released_by, **where)
        for name in ("kind", "format", "records", "size_bytes"):
            what = f"{name} in ops.stream_slice = ops.batch_slice"
            self.check.equal(what, claim[name], taken[name], **where)
        if is_released and taken["records"]:
            found = self._told[claim["batch_id"], taken["slice_id"]]
            what = "records of a released slice = its classes in ops.row_ledger"
            self.check.equal(what, taken["records"], found, **where)
            self.check.saw("of them released")

    def _was_set_aside(self, taken: Row) -> bool:
        """Whether its batch was rolled back and its file kept in the archive, as asked."""
        books, batch_id = self.evidence.books, taken["released_by"]
        return books.batches[batch_id]["state"] in UNDONE and any(
            (row["batch_id"], row["slice_id"]) == (batch_id, taken["slice_id"])
            for row in books.files
        )

    def _check_file(self, taken: Row) -> None:
        """A slice of no batch lies where the stream has put it, with all of its records."""
        place, where = as_place(taken["path"]), {"file": taken["source_file"]}
        state = "rejected" if taken["rejected"] else "pending"
        self.check.saw(f"of them {state}")
        if not exists(place):
            self.check.broken(f"file of a {state} slice", f"at {place}", "nothing there", **where)
            return
        with self.check.reading("slice file", **where), on_this_machine(place) as path:
            self.check.equal(
                "size of a slice file", taken["size_bytes"], path.stat().st_size, **where
            )
            self.check.equal("sha256 of a slice file", taken["sha256"], hash_file(path), **where)
            contract = load_contract("bronze", self.dataset)
            chunks = read_numbered(path, contract, **how_to_read(taken))
            found = sum(rows.num_rows for rows in chunks)
            self.check.equal("records in a slice file", taken["records"], found, **where)

    def _check_live(self, taken: Row, live: LiveRows) -> None:
        is_shown = _is_shown(taken)
        expected = (taken["live_records"], taken["error_records"]) if is_shown else (0, 0)
        found = live.count(taken["slice_id"])
        claim = self._claims.get(taken["slice_id"], {})
        where = {"batch": claim.get("batch_id", ""), "file": taken["source_file"]}
        self.check.equal("good rows of a slice in live", expected[0], found[0], **where)
        self.check.equal("bad rows of a slice in live", expected[1], found[1], **where)
        if is_shown:
            what = "records of a slice = its rows in live"
            self.check.equal(what, taken["records"], sum(found), **where)


def _is_shown(taken: Row) -> bool:
    """Whether live has to have its records."""
    return not (taken["released_by"] or taken["parked"] or taken["rejected"])
