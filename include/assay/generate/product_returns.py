"""Product returns as CSV, JSON lines and Parquet in turn, in both spellings of their headers."""

from __future__ import annotations

from assay.generate.options import SetOptions
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
    case when reason in ('defective', 'damaged') then 'quality_issue'
        when reason = 'wrong_size' then 'customer_error'
        when reason in ('not_as_described', 'wrong_item') then 'product_mismatch'
        else 'other' end as reason_category,
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

NAMES = (
    *("return_id", "order_id", "customer_id", "sku", "reason", "qty", "amount"),
    *("return_date", "ingest_ts"),
)
REFUNDS = {"sku": "product_id", "reason": "return_reason", "amount": "refund_amount"}
FORMS = ("csv", "jsonl", "parquet")
LAYOUTS = tuple(
    Layout(
        f"{form}{spelling}",
        form,
        {(REFUNDS if spelling else {}).get(name, name): name for name in NAMES},
        "product_returns",
    )
    for spelling in ("", "_refunds")
    for form in FORMS
)


def name_layout(options: SetOptions, number: int) -> str:
    """Three files in the current spelling, one of each format, then three in that of refunds."""
    return LAYOUTS[(number - 1) % len(LAYOUTS)].name


PRODUCT_RETURNS = Recipe(
    dataset="product_returns",
    summary="Product returns as CSV, JSON lines and Parquet, in two spellings.",
    layouts=LAYOUTS,
    layout_name=name_layout,
    silver=SILVER,
    row_hash=(
        *("return_id", "order_id", "coalesce(customer_id, chr(30))", "sku", "reason"),
        *("reason_category", "qty", "amount", "return_date", "version_us"),
    ),
    delivered=DELIVERED,
    sums={"qty": 0, "amount": 2},
    defects=DEFECTS,
    types={
        "qty": "integer",
        "amount": "decimal(12, 2)",
        "return_date": "date",
        "ingest_ts": "timestamp",
    },
    defaults={"": {"files": 6, "rows": 200, "customers": 300}},
    most_customers=9000,
)
