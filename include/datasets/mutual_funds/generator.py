"""Holdings of mutual funds as JSON: one fund, one company, and versions of both over time."""

from __future__ import annotations

from assay.generate.from_contract import delivered_fields
from assay.generate.recipe import LINES_ONLY, Defect, Recipe, lines_and_arrays, third_is_array

# A tenth of the companies that funds hold has no stock, and a tenth of those with stocks no fund.
SILVER = """
    subject as key,
    (1 + subject)::text as fund_id,
    concat(['Tech', 'Growth', 'Value', 'Income', 'Index'][1 + a % 5], ' Fund ', fund_id) as name,
    (1 + $customers // 10 + b % $customers)::text as company_id,
    1 + c % 1000000 as holdings_units,
    holdings_units::text as holdings,
    moment_us as version_us
"""

DELIVERED = """
    * replace (
        if(oddity = 0, concat(' ', name, ' '), name) as name,
        if(oddity = 1, concat(' ', holdings), holdings) as holdings),
    strftime(make_timestamp(version_us), '%Y-%m-%dT%H:%M:%S.%f') as fund_timestamp
"""

DEFECTS = (
    Defect(("record.malformed",), {"line": "left(line, len(line) - 1)"}, only=LINES_ONLY),
    Defect(("fund_id.missing",), {"fund_id": "null"}),
    Defect(("holdings.missing",), {"holdings": "null"}),
    Defect(("holdings.unparseable",), {"holdings": "'lots'"}),
    Defect(("holdings.out_of_range",), {"holdings": "concat('-', holdings)"}),
    Defect(("fund_timestamp.missing",), {"fund_timestamp": "''"}),
    Defect(("fund_timestamp.unparseable",), {"fund_timestamp": "'INVALID_DATE'"}),
    Defect(("company_id.missing",), {"company_id": "null"}),
    Defect(("name.missing",), {"name": "'  '"}),
    Defect(("holdings.out_of_range", "name.missing"), {"holdings": "'-1'", "name": "''"}),
)

RECIPE = Recipe(
    dataset="mutual_funds",
    summary="Holdings of mutual funds as JSON lines and arrays.",
    layouts=lines_and_arrays(delivered_fields("mutual_funds"), "mutual_funds"),
    layout_name=third_is_array,
    silver=SILVER,
    delivered=DELIVERED,
    defects=DEFECTS,
    defaults={
        "": {
            **{"files": 4, "rows": 100, "customers": 40, "gzip_every": 4},
            **{"updates": 0.1, "late": 0.05},
        }
    },
)
