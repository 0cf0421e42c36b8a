"""Product returns as CSV, JSON lines and Parquet in turn, in both spellings of their headers."""

from __future__ import annotations

from assay.generate.from_contract import delivered_fields
from assay.generate.recipe import Defect, Layout, Recipe

TEXT_ONLY = tuple(f"{form}{spelling}" for form in ("csv", "jsonl") for spelling in ("", "_refunds"))

SILVER = """
    subject as key,
    concat('R-', md5(concat($seed, ':return:', subject))[:16]) as return_id,
    concat('O-', 100000 + b // 7 % 900000) as order_id,
    if(oddity = 1, null, (1000 + a % $customers)::text) as customer_id,
    (1 + b // 44 % 1000)::text as sku,
    ['defective', 'damaged', 'wrong_size', 'not_as_described', 'wrong_item', 'changed_mind', 'other'
        ][1 + a // 9000 % 7] as reason,
    1 + d % 3 as qty_units,
    qty_units::text as qty,
    500 + c % 50000 as amount_units,
    format('{}.{:02d}', amount_units // 100, amount_units % 100) as amount,
    strftime(make_timestamp(greatest($start, base_us - a % 3 * 86400000000)), '%Y-%m-%d')
        as return_date,
    moment_us as version_us
"""

DELIVERED = """
    * replace (
        if(oddity = 0, concat(' ', upper(reason), '  '), reason) as reason,
        if(oddity = 2, concat(' ', qty), qty) as qty),
    strftime(make_timestamp(version_us), '%Y-%m-%dT%H:%M:%S.%f') as ingest_ts
"""

DEFECTS = (
    Defect(("record.malformed",), {"line": "regexp_replace(line, ',[^,]*$', '')"}, only=TEXT_ONLY),
    Defect(("return_id.missing",), {"return_id": "''"}),
    Defect(("qty.missing",), {"qty": "null"}),
    Defect(("qty.out_of_range",), {"qty": "'-2'"}),
    Defect(("amount.out_of_range",), {"amount": "concat('-', amount)"}),
    Defect(("reason.unknown",), {"reason": "'bored'"}),
    Defect(("qty.unparseable",), {"qty": "'two'"}, only=TEXT_ONLY),
    Defect(("amount.unparseable",), {"amount": "'n/a'"}, only=TEXT_ONLY),
    Defect(("return_date.unparseable",), {"return_date": "'2026-02-30'"}, only=TEXT_ONLY),
    Defect(("ingest_ts.unparseable",), {"ingest_ts": "'yesterday'"}, only=TEXT_ONLY),
    Defect(("amount.missing",), {"amount": "null"}),
    Defect(("return_date.missing",), {"return_date": "null"}),
    Defect(("ingest_ts.missing",), {"ingest_ts": "null"}),
    Defect(("order_id.missing",), {"order_id": "''"}),
    Defect(("sku.missing",), {"sku": "'  '"}),
    Defect(("record.repeated_header",), {"line": "'<header>'"}, only=("csv", "csv_refunds")),
    Defect(("amount.unparseable",), {"amount": "concat(amount, '5')"}, only=TEXT_ONLY),
    Defect(("qty.out_of_range", "reason.unknown"), {"qty": "'-1'", "reason": "'n/a'"}),
)

LAYOUTS = tuple(
    Layout(f"{form}{suffix}", form, delivered_fields("product_returns", shape), "product_returns")
    for shape, suffix in {"current": "", "refunds": "_refunds"}.items()
    for form in ("csv", "jsonl", "parquet")
)

RECIPE = Recipe(
    dataset="product_returns",
    summary="Product returns as CSV, JSON lines and Parquet, in two spellings.",
    layouts=LAYOUTS,
    silver=SILVER,
    delivered=DELIVERED,
    defects=DEFECTS,
    defaults={"": {"files": 6, "rows": 200, "customers": 300}},
    most_customers=9000,
)
