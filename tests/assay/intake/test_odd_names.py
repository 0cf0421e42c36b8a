"""Names in one record of JSON that Postgres could not hold, on the real ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assay.intake.accept import accept_files
from assay.ledger import deliveries
from assay.settings import load_settings
from builders.accepting import run_of
from corpus.json_files import JsonCases, lines

JSON = JsonCases("product_returns")


def test_ledger_holds_the_fields_of_a_file_whatever_one_record_calls_its_own(
    tmp_path: Path, database: Any
) -> None:
    settings = load_settings({"ASSAY_HOME": str(tmp_path)})
    landing = settings.landing / "product_returns"
    landing.mkdir(parents=True)
    names = [r"\ud800", r"a\u0000", "", "n" * 50_000, *(f"n{number}" for number in range(3_000))]
    odd = "".join(f', "{name}": 1' for name in names)
    (landing / "a.jsonl").write_bytes(lines(JSON.lines[0][:-1] + odd + "}", JSON.lines[1]))
    plan = accept_files(settings, database.connect, run_of("one", pipeline="product_returns"))
    with database.connect() as connection:
        (delivery,) = deliveries(connection, plan.batch_id)
    assert (delivery.verdict, delivery.records) == ("accepted", 2)
    assert delivery.header == plan.slices[0].header
    assert {*JSON.good.headers} <= {*delivery.header}
    assert len(delivery.header) == 1_000
