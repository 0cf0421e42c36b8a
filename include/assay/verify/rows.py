"""I2 and I3: silver has each row once, each key once, and of each key the version that wins."""

from __future__ import annotations

from assay.verify.evidence import Evidence
from assay.verify.layers import ROW_ID, Layers, listed
from assay.verify.report import Check
from assay.verify.text import row_hash
from assay.verify.ties import check_ties
from assay.verify.values import built_today, check_values
from assay.words import count

SHOWN = 5


def check_duplicates(evidence: Evidence, check: Check) -> None:
    """Rows of silver = new rows of the generation; each is one good record of bronze, once.

    Which records are duplicates and which superseded is told by count only: the ledger has no row
    ids. That both are no more than what is left over follows from I1 and from the first equation.
    """
    for table in evidence.silver:
        with check.reading(table.contract.table):
            _check_rows(evidence, check, Layers(evidence, table))


def _check_rows(evidence: Evidence, check: Check, layers: Layers) -> None:
    rows = evidence.ask_one(f"SELECT count(*) FROM {layers.silver}")
    ledger = [
        row
        for row in evidence.books.ledger
        if row["dataset"] == layers.dataset and row["batch_id"] in layers.generation
    ]
    new = sum(row["new"] for row in ledger)
    name = layers.table.contract.table
    check.equal(f"rows of {name} = new rows of its generation", new, rows)
    _check_effective(evidence, check, layers, ledger)
    _check_origin(evidence, check, layers)
    check.saw(f"rows of {name}", rows)


def _check_effective(
    evidence: Evidence, check: Check, layers: Layers, ledger: list[dict[str, object]]
) -> None:
    """No file has more rows in silver than it brought winners."""
    brought: dict[object, int] = {}
    for row in ledger:
        won = int(str(row["new"])) + int(str(row["updated"]))
        brought[row["slice_id"]] = brought.get(row["slice_id"], 0) + won
    query = f"SELECT slice_id, any_value(source_file), count(*) FROM {layers.silver} GROUP BY 1"
    for slice_id, name, rows in evidence.ask(query):
        if rows > brought.get(slice_id, 0):
            check.broken(
                f"rows of {layers.table.contract.table} from this file",
                f"at most {brought.get(slice_id, 0):,}, its winners in ops.row_ledger",
                f"{rows:,}",
                file=name,
            )


def _check_origin(evidence: Evidence, check: Check, layers: Layers) -> None:
    """Each row names one record of bronze that is good, and no two name the same."""
    name = layers.table.contract.table
    twice = f"SELECT {ROW_ID} FROM {layers.silver} GROUP BY ALL HAVING count(*) > 1"
    wrong = f"""
        SELECT {ROW_ID} FROM {layers.silver} AS s
        LEFT JOIN {layers.typed} AS t USING (slice_id, record_number)
        WHERE t.is_good IS NOT true
    """
    for what, query in (("in two rows", twice), ("of no good record in bronze", wrong)):
        found = evidence.ask_one(f"SELECT count(*) FROM ({query})")
        if found:
            some = evidence.ask(f"{query} LIMIT {SHOWN}")
            names = "; ".join(str(row[0]) for row in some)
            check.broken(f"rows of {name} {what}", 0, f"{found:,}: {names}")


def check_versions(evidence: Evidence, check: Check) -> None:
    """Every key once, with the latest event time of its good records in bronze.

    Where these are equal, see `check_ties`. A row equals its record in every column, and its row
    hash is that of the row. Of rows built under another version of the contract only the columns
    that decide are compared.
    """
    for table in evidence.silver:
        with check.reading(table.contract.table):
            layers = Layers(evidence, table)
            _check_keys(evidence, check, layers)
            check_ties(evidence, check, layers, built_today(layers))
            check_values(evidence, check, layers)
            _check_hashes(evidence, check, layers)


def _check_keys(evidence: Evidence, check: Check, layers: Layers) -> None:
    contract = layers.table.contract
    keys = ", ".join(f'"{key}"' for key in contract.keys)
    rows, distinct = evidence.ask(
        f"SELECT count(*), count(DISTINCT ({keys})) FROM {layers.silver}"
    )[0]
    check.equal(f"keys of {contract.table} = its rows", rows, distinct)
    version = f'"{contract.event_time}"'
    differing = f"""
        WITH best AS (SELECT {keys}, max({version}) AS version, count(*) AS records
                      FROM {layers.typed} WHERE is_good GROUP BY {keys}),
             live AS (SELECT {keys}, {version} AS version, true AS is_live FROM {layers.silver})
        SELECT {keys}, records IS NULL AS is_beyond, is_live IS NULL AS is_missing
        FROM best FULL JOIN live USING ({keys})
        WHERE is_missing OR is_beyond OR best.version IS DISTINCT FROM live.version
    """
    others = evidence.ask_one(f"SELECT count(*) FROM ({differing})")
    if others:
        some = evidence.ask(f"{differing} LIMIT {SHOWN}")
        told = "; ".join(f"{', '.join(map(str, row[:-2]))} ({_fault(*row[-2:])})" for row in some)
        check.broken(
            f"keys of {contract.table} with the latest good version of each",
            "those of bronze",
            f"{others:,} others: {told}",
        )
    check.saw(f"keys of {contract.table}", distinct)


def _fault(is_beyond: bool, is_missing: bool) -> str:
    return "not in silver" if is_missing else "not in bronze" if is_beyond else "another version"


def _check_hashes(evidence: Evidence, check: Check, layers: Layers) -> None:
    contract = layers.table.contract
    batches = built_today(layers)
    query = f"""
        SELECT batch_id, source_file, record_number FROM {layers.silver}
        WHERE batch_id IN {listed(batches)} AND row_hash <> {row_hash(contract)}
    """
    _report(evidence, check, query, f"row_hash of {contract.table} = hash of the row")
    compared = f"SELECT count(*) FROM {layers.silver} WHERE batch_id IN {listed(batches)}"
    check.saw("row hashes", evidence.ask_one(compared))


def _report(evidence: Evidence, check: Check, query: str, what: str) -> None:
    rows = evidence.ask_one(f"SELECT count(*) FROM ({query})")
    if rows:
        batch, file, record = evidence.ask(f"{query} LIMIT 1")[0]
        told = f"{count(rows, 'row')} not equal, one from record {record}"
        check.broken(what, "equal", told, batch=batch, file=file)
