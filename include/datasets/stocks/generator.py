"""Stock quotes as JSON with nested details: lines in most files, one array in every third."""

from __future__ import annotations

from assay.generate.from_contract import delivered_fields
from assay.generate.recipe import LINES_ONLY, Defect, Recipe, lines_and_arrays, third_is_array

# There are five stocks for four companies, so a company may have two. The quotes of a stock are
# spread over the time, each in a slot of its own. A second version of a quote has the same key and
# time: the later delivery decides.
SILVER = """
    subject as key,
    greatest($customers * 5 // 4, 1) as stocks,
    1 + subject % stocks as stock_number,
    1 + (stock_number - 1) % $customers as company_number,
    stock_number::text as stock_id,
    company_number::text as company_id,
    concat(chr((65 + stock_number // 676 % 26)::int), chr((65 + stock_number // 26 % 26)::int),
        chr((65 + stock_number % 26)::int), 'Q') as symbol,
    10000 + c % 35000000 as price_units,
    format('{}.{:04d}', price_units // 10000, price_units % 10000) as price,
    (100 + d % 100000)::text as volume,
    $span // ($records // stocks + 1) as slot_us,
    $start + subject // stocks * slot_us + b % slot_us as version_us,
    ['NASDAQ', 'NYSE', 'LSE', 'TSE'][1 + stock_number % 4] as exchange,
    ['Technology', 'Health', 'Energy', 'Finance', 'Retail'][1 + company_number % 5] as known_sector,
    if(oddity = 4, null, known_sector) as sector
"""

# A number with a blank before it is no plain number, so it is written as a JSON string.
DELIVERED = """
    * replace (
        if(oddity = 0, concat(' ', lower(symbol)), symbol) as symbol,
        if(oddity = 0, lower(exchange), exchange) as exchange,
        case oddity when 1 then concat(' ', price)
            else regexp_replace(price, '([.][0-9]+?)0+$', '\\1') end as price,
        if(oddity = 2, concat(' ', volume), volume) as volume),
    if(oddity = 3, 'late print', null) as note,
    strftime(make_timestamp(version_us), '%Y-%m-%dT%H:%M:%S.%f') as stock_timestamp
"""

DEFECTS = (
    Defect(("record.malformed",), {"line": "left(line, len(line) - 1)"}, only=LINES_ONLY),
    Defect(("stock_id.missing",), {"stock_id": "null"}),
    Defect(("price.missing",), {"price": "null"}),
    Defect(("price.unparseable",), {"price": "'n/a'"}),
    Defect(("price.out_of_range",), {"price": "concat('-', price)"}),
    Defect(("volume.unparseable",), {"volume": "'many'"}),
    Defect(("volume.out_of_range",), {"volume": "'-5'"}),
    Defect(("stock_timestamp.missing",), {"stock_timestamp": "''"}),
    Defect(("stock_timestamp.unparseable",), {"stock_timestamp": "'yesterday'"}),
    Defect(("company_id.missing",), {"company_id": "null"}),
    Defect(("symbol.missing",), {"symbol": "'  '"}),
    Defect(("price.unparseable",), {"price": "'12.34567'"}),
    Defect(("price.out_of_range", "volume.unparseable"), {"price": "'-1'", "volume": "'n/a'"}),
)

FIELDS = {**delivered_fields("stocks"), "note": "note"}

RECIPE = Recipe(
    dataset="stocks",
    summary="Stock quotes as JSON lines and arrays, with nested details.",
    layouts=lines_and_arrays(FIELDS, "stocks"),
    layout_name=third_is_array,
    silver=SILVER,
    delivered=DELIVERED,
    defects=DEFECTS,
    defaults={
        "": {
            **{"files": 10, "rows": 200, "customers": 40, "gzip_every": 4},
            **{"updates": 0.0, "late": 0.0},
        }
    },
)
