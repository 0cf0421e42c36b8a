"""By which columns the records of one delivered file differ from bronze.

Values are not told: they may be personal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from assay.contracts.load import load_contract
from assay.verify.books import Row
from assay.verify.evidence import Evidence
from assay.verify.layers import Layers
from assay.verify.records import how_to_read, read_numbered
from assay.verify.report import Check
from assay.verify.spelling import same_value, text_of
from assay.words import count

SHOWN = 5
Texts = dict[str, str]


def report_differences(
    evidence: Evidence, check: Check, layers: Layers, file: Row, path: Path
) -> None:
    """Report the columns, and the first records. Other spellings of a typed value are none."""
    is_text = file["format"] in ("csv", "kafka_csv")
    contract = load_contract("bronze", layers.dataset)
    is_older = not evidence.is_under_contract(contract, file["batch_id"])
    wrong: Counter[str] = Counter()
    shown: list[int] = []
    for rows in read_numbered(path, contract, **how_to_read(file)):
        for number, delivered, stored, unknown in _pairs(evidence, layers, file, rows):
            columns = [
                name
                for name, text in delivered.items()
                if not (text == stored[name] or (not is_text and same_value(text, stored[name])))
                and not _is_kept_elsewhere(text, stored[name], unknown)
                and not (is_older and _was_read_otherwise(stored[name], delivered))
            ]
            if columns:
                wrong.update(columns)
                shown.append(number)
    if shown:
        names = ", ".join(f"{name} ({number:,})" for name, number in sorted(wrong.items()))
        first = ", ".join(map(str, shown[:SHOWN]))
        check.broken(
            f"texts in {contract.table} = those in the file",
            "equal",
            f"{count(len(shown), 'record')} not equal, in {names}; the first are {first}",
            batch=file["batch_id"],
            file=file["source_file"],
        )


def _is_kept_elsewhere(delivered: str, stored: str, unknown: Texts) -> bool:
    """The value is where fields go that the contract does not know, so nothing is lost."""
    return not stored and delivered in unknown.values()


def _was_read_otherwise(stored: str, delivered: Texts) -> bool:
    """Under an older contract the column was not there, or had the name of another field."""
    return not stored or stored in delivered.values()


def _pairs(
    evidence: Evidence, layers: Layers, file: Row, rows: pa.Table
) -> Iterator[tuple[int, Texts, Texts, Texts]]:
    """Records of a chunk that differ: number, texts of the file, of bronze, unknown columns."""
    names = [name for name in rows.column_names if name != "record_number"]
    delivered = _packed({name: text_of(name, rows.schema.field(name).type) for name in names})
    stored = _packed({name: text_of(name, pa.string()) for name in names})
    evidence.database.register("incoming", rows)
    found = evidence.ask(f"""
        SELECT record_number, delivered, stored, unknown_columns
        FROM (SELECT record_number, {delivered} AS delivered FROM incoming)
        JOIN (SELECT record_number, {stored} AS stored, unknown_columns FROM {layers.bronze}
              WHERE batch_id = '{file["batch_id"]}' AND slice_id = '{file["slice_id"]}'
              AND NOT is_malformed) USING (record_number)
        WHERE delivered <> stored ORDER BY record_number
    """)
    evidence.database.unregister("incoming")
    for number, texts, others, unknown in found:
        yield number, texts, others, unknown or {}


def _packed(texts: Texts) -> str:
    fields = [f'"{name}" := {text}' for name, text in texts.items()]
    return f"struct_pack({', '.join(fields)})"
