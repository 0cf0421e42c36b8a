"""Trade files: sixteen columns of CSV, quoted where a text needs it."""

from __future__ import annotations

from assay.generate.from_contract import delivered_fields
from assay.generate.recipe import Defect, Layout, Recipe

NAMES = (
    "['ashah', 'bgreen', 'cmoreau', 'dkim', 'eokafor',"
    " 'fweber', 'gsilva', 'hnovak', 'ijones', 'jpatel']"
)

# A plain trade was updated in the second and third quarter of the time, an update in the fourth, a
# late version in the first. Customers do not depend on the seed: another set of trades is of the
# same customers.
SILVER = f"""
    subject as key,
    1000000 + c % 5000001 as from_cost_units,
    1000000 + d % 5000001 as to_cost_units,
    $start + b % $span as created_us,
    $start + c % $span as transaction_us,
    $start + $span // 4 * quarter + d % ($span // if(quarter = 1, 2, 4)) as version_us,
    md5(concat($seed, ':trade:', subject))::uuid::text as trade_id,
    md5(concat('customer:', a % $customers))::uuid::text as customer_id,
    ['USD', 'EUR', 'GBP', 'JPY', 'CAD'][1 + b % 5] as from_currency,
    ['INR', 'CHF', 'AUD', 'NZD', 'ZAR'][1 + b // 5 % 5] as to_currency,
    format('{{}}.{{:02d}}', from_cost_units // 100, from_cost_units % 100) as from_cost,
    format('{{}}.{{:02d}}', to_cost_units // 100, to_cost_units % 100) as to_cost,
    format('{{}}.{{:02d}}', 40 + c // 7 % 60, c // 420 % 100) as from_pip,
    if(oddity = 2, null, format('{{}}.{{:02d}}', 40 + d // 7 % 60, d // 420 % 100)) as to_pip,
    ['COMPLETED', 'FAILED', 'PENDING'][1 + d // 100000 % 3] as transaction_status,
    concat({NAMES}[1 + a // 3 % 10], a // 60 % 100) as creator,
    case oddity when 1 then concat('Desk "', creator, '", London', chr(10), 'Floor 2')
        when 2 then null else creator end as created_by,
    concat({NAMES}[1 + c // 3 % 10], c // 60 % 100) as updated_by,
    format('GB{{:02d}}MIDL{{:014d}}', 10 + a % 89, a % 100000000000000) as from_deposited_account,
    format('GB{{:02d}}NWBK{{:014d}}', 10 + b % 89, b % 100000000000000) as to_debited_account
"""

# Harmless oddities in few good records: quotes, blanks, lower case, nothing at all.
DELIVERED = """
    * replace (
        if(oddity = 0, concat(' ', lower(from_currency), '  '), from_currency) as from_currency,
        if(oddity = 0, concat(lower(to_currency), ' '), to_currency) as to_currency,
        if(oddity = 0, concat(' ', lower(transaction_status)), transaction_status)
            as transaction_status,
        if(oddity = 0, concat('  ', updated_by, ' '), updated_by) as updated_by,
        case oddity when 1 then concat('"', replace(created_by, '"', '""'), '"')
            when 2 then '  ' else created_by end as created_by,
        coalesce(to_pip, '') as to_pip),
    strftime(make_timestamp(transaction_us), '%Y-%m-%dT%H:%M:%S.%f') as transaction_date,
    strftime(make_timestamp(created_us), '%Y-%m-%dT%H:%M:%S.%f') as created_on,
    strftime(make_timestamp(version_us), '%Y-%m-%dT%H:%M:%S.%f') as updated_on
"""

# Every reason once, then further ways to earn one, so that a small set shows the most reasons.
DEFECTS = (
    Defect(("record.malformed",), {"line": "regexp_replace(line, ',[^,]*$', '')"}),
    Defect(("record.repeated_header",), {"line": "'<header>'"}),
    Defect(("trade_id.missing",), {"trade_id": "''"}),
    Defect(("customer_id.missing",), {"customer_id": "''"}),
    Defect(("updated_on.missing",), {"updated_on": "''"}),
    Defect(("from_cost.unparseable",), {"from_cost": """'"12,3x"'"""}),
    Defect(("to_cost.unparseable",), {"to_cost": "'n/a'"}),
    Defect(("transaction_date.unparseable",), {"transaction_date": "'not-a-date'"}),
    Defect(("updated_on.unparseable",), {"updated_on": "'yesterday'"}),
    Defect(("from_cost.out_of_range",), {"from_cost": "concat('-', from_cost)"}),
    Defect(("to_cost.out_of_range",), {"to_cost": "concat('9999999', to_cost)"}),
    Defect(("from_currency.unknown",), {"from_currency": "'XXX'"}),
    Defect(("to_currency.unknown",), {"to_currency": "'XXX'"}),
    Defect(("transaction_status.unknown",), {"transaction_status": "'DONE'"}),
    Defect(("record.malformed",), {"line": "concat(line, ',surplus')"}),
    Defect(("from_cost.unparseable",), {"from_cost": "concat(from_cost, '5')"}),
    Defect(("transaction_date.unparseable",), {"transaction_date": "'2026-02-30T10:15:00.000000'"}),
    Defect(
        ("from_currency.unknown", "from_cost.out_of_range"),
        {"from_currency": "'XXX'", "from_cost": "concat('-', from_cost)"},
    ),
    Defect(
        ("to_cost.unparseable", "updated_on.missing"),
        {"to_cost": "'n/a'", "updated_on": "''"},
    ),
)

RECIPE = Recipe(
    dataset="trades",
    summary="Trades between two currencies, as CSV.",
    layouts=(Layout("csv", "csv", delivered_fields("trades"), "trades"),),
    silver=SILVER,
    hashed={
        "from_pip": "from_pip || '00'",
        "to_pip": "to_pip || '00'",
        "transaction_date": "transaction_us",
        "created_on": "created_us",
    },
    delivered=DELIVERED,
    defects=DEFECTS,
)
