"""Of I3: which of a key's equal versions is silver's, where the latest delivered shall win."""

from __future__ import annotations

from collections.abc import Set

import pyarrow as pa

from assay.contracts.load import load_contract
from assay.verify.evidence import Evidence
from assay.verify.layers import Layers, listed
from assay.verify.report import Check
from assay.verify.text import content_hash

SHOWN = 5
DELIVERED = pa.schema(
    {
        "slice_id": pa.string(),
        "of_batch": pa.string(),
        "slice_date": pa.date32(),
        "number": pa.int64(),
    }
)


def check_ties(evidence: Evidence, check: Check, layers: Layers, today: Set[str]) -> None:
    """The row has the content of the good record that was delivered last: day, number, record.

    `today` are the batches that were built under the contract as it is. Where neither the row nor
    the record is of one of these, an earlier rule has settled it; a rebuild settles it anew.
    """
    contract = layers.table.contract
    if contract.on_equal_version != "latest_delivery":
        return
    delivered = _load_deliveries(evidence, layers.dataset)
    keys = ", ".join(f'"{key}"' for key in contract.keys)
    version = f'"{contract.event_time}"'
    evidence.database.execute(f"""
        CREATE OR REPLACE TEMP TABLE tied AS
        WITH best AS (
            SELECT typed.*, of_batch FROM {layers.typed} AS typed
            LEFT JOIN {delivered} USING (slice_id) WHERE is_good
            QUALIFY row_number() OVER (
                PARTITION BY {keys} ORDER BY {version} DESC, slice_date DESC NULLS LAST,
                number DESC NULLS LAST, record_number DESC) = 1
        )
        SELECT {keys}, best.slice_id AS last_file, best.record_number AS last_number,
               s.slice_id, s.record_number, s.batch_id, s.source_file
        FROM best JOIN {layers.silver} AS s USING ({keys})
        WHERE best.{version} IS NOT DISTINCT FROM s.{version}
          AND (best.slice_id, best.record_number) <> (s.slice_id, s.record_number)
          AND (s.batch_id IN {listed(today)} OR of_batch IN {listed(today)})
    """)
    check.saw("versions settled by delivery", evidence.ask_one("SELECT count(*) FROM tied"))
    content = content_hash(contract, load_contract("bronze", layers.dataset))
    wrong = f"""
        WITH read AS (
            SELECT DISTINCT slice_id, record_number, {content} AS content FROM {layers.bronze}
            WHERE (slice_id, record_number) IN (
                SELECT (slice_id, record_number) FROM tied
                UNION SELECT (last_file, last_number) FROM tied)
        )
        SELECT tied.batch_id, tied.source_file, {keys}
        FROM tied JOIN read AS mine USING (slice_id, record_number)
        JOIN read AS last
          ON (last.slice_id, last.record_number) = (tied.last_file, tied.last_number)
        WHERE mine.content <> last.content ORDER BY ALL
    """
    found = evidence.ask(wrong)
    if found:
        told = "; ".join(", ".join(map(str, row[2:])) for row in found[:SHOWN])
        check.broken(
            f"keys of {contract.table} with the latest delivered of equal versions",
            "those of bronze",
            f"{len(found):,} others: {told}",
            batch=found[0][0],
            file=found[0][1],
        )


def _load_deliveries(evidence: Evidence, dataset: str) -> str:
    """The order of the dataset's files, as the books tell it."""
    name = f"deliveries.{dataset}"
    if name not in evidence.made:
        last: dict[str, dict[str, object]] = {}
        files = [f for f in evidence.books.files if f["dataset"] == dataset]
        for file in sorted(files, key=lambda f: int(f["delivery_number"])):
            if file["verdict"] == "accepted":
                last[file["slice_id"]] = {
                    "slice_id": file["slice_id"],
                    "of_batch": file["batch_id"],
                    "slice_date": file["slice_date"],
                    "number": file["delivery_number"],
                }
        evidence.database.register("incoming", pa.Table.from_pylist([*last.values()], DELIVERED))
        evidence.database.execute(f'CREATE TABLE "{name}" AS SELECT * FROM incoming')
        evidence.database.unregister("incoming")
        evidence.made.add(name)
    return f'"{name}"'
