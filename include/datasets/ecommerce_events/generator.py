"""Event files in both shapes of the feed: activity with an id, storefront with a product name."""

from __future__ import annotations

from assay.generate.options import SetOptions
from assay.generate.recipe import Defect, Layout, Recipe

BUSINESS = (
    *("version_us", "event_type", "product_id", "coalesce(product_name, chr(30))"),
    *("coalesce(price, chr(30))", "user_id", "coalesce(session_id, chr(30))"),
)

# A session is what one user does on one day. A row of the storefront shape has no event_id, nor has
# one activity row in 300: its id is the hash of its business columns, so that only a true repeat
# repeats it. A time without a fraction says whole seconds.
SILVER = f"""
    c // 7 % 6 as time_style,
    if(time_style in (0, 2, 4), moment_us // 1000000 * 1000000, moment_us) as version_us,
    case when $layout <> 'activity'
        then ['view', 'purchase', 'add_to_cart', 'remove_from_cart'][1 + b // 11 % 4]
        when b // 11 % 10 < 7 then 'view' else 'purchase' end as event_type,
    case oddity when 0 then concat(' ', upper(event_type), ' ') when 1 then upper(event_type)
        when 2 then concat(upper(event_type[1]), event_type[2:]) else event_type end
        as event_type_delivered,
    1 + b // 44 % 1000 as product_number,
    product_number::text as product_id,
    case when $layout = 'activity' or c // 17 % 100 = 0 then null
        else ['Laptop', 'Phone', 'Headphones', 'Book', 'Shoes', 'Bags', 'Watch', 'Tablet',
            'Monitor', 'Keyboard'][1 + product_number % 10] end as product_name,
    case when $layout = 'activity' then 1000 + c // 29 % 49001
        when event_type = 'purchase' then 1 + c // 29 % 80000
        when d // 17 % 100 = 0 then null
        else greatest(0, c // 29 % 81500 - 1500) end as price_units,
    format('{{}}.{{:02d}}', price_units // 100, price_units % 100) as price,
    1000 + a % $customers as user_number,
    user_number::text as user_id,
    md5_number_lower(concat('session:', user_number, ':', moment_us // 86400000000)) as visit,
    case when $layout = 'activity' then md5(visit::text)::uuid::text
        when $layout = 'storefront' and d // 31 % 10 > 0
        then (10000 + visit % 90000)::text end as session_id,
    $layout <> 'activity' or oddity = 3 as anonymous,
    if(anonymous, concat('h', sha256(concat_ws(chr(31), {", ".join(BUSINESS)}))),
        md5(concat($seed, ':event:', subject))::uuid::text) as event_id,
    (md5_number_lower(event_id) >> 1)::bigint as key
"""

DELIVERED = """
    * replace (
        if(anonymous, '', event_id) as event_id,
        event_type_delivered as event_type,
        regexp_replace(price, '0$', '') as price),
    make_timestamp(version_us + if(time_style = 5, 7200000000, 0)) as shown,
    case time_style when 0 then strftime(shown, '%Y-%m-%d %H:%M:%S')
        when 1 then strftime(shown, '%Y-%m-%dT%H:%M:%S.%f')
        when 2 then strftime(shown, '%Y-%m-%dT%H:%M:%S')
        when 3 then strftime(shown, '%Y-%m-%dT%H:%M:%S.%fZ')
        when 4 then strftime(shown, '%Y-%m-%dT%H:%M:%S+00:00')
        else strftime(shown, '%Y-%m-%dT%H:%M:%S.%f+02:00') end as event_time
"""

# Each reason first, then further ways to earn one. The rules of a price depend on the type.
DEFECTS = (
    Defect(("record.malformed",), {"line": "regexp_replace(line, ',[^,]*$', '')"}),
    Defect(("event_type.missing",), {"event_type": "''"}),
    Defect(("event_type.unknown",), {"event_type": "'unknown_event'"}),
    Defect(("event_time.missing",), {"event_time": "''"}),
    Defect(("event_time.unparseable",), {"event_time": "'INVALID_DATE'"}),
    Defect(("user_id.missing",), {"user_id": "''"}),
    Defect(("product_id.missing",), {"product_id": "'  '"}),
    Defect(("price.missing",), {"event_type": "'purchase'", "price": "''"}),
    Defect(("price.out_of_range",), {"event_type": "'view'", "price": "'-50.00'"}),
    Defect(("price.unparseable",), {"price": "'free'"}),
    Defect(("record.repeated_header",), {"line": "'<header>'"}, only=("activity",)),
    Defect(("product_id.unparseable",), {"product_id": "'P-12'"}),
    Defect(("product_id.out_of_range",), {"product_id": "'0'"}),
    Defect(("user_id.unparseable",), {"user_id": "'guest'"}),
    Defect(("price.out_of_range",), {"event_type": "'purchase'", "price": "'0.00'"}),
    Defect(("event_time.unparseable",), {"event_time": "'2026-02-30 10:15:00'"}),
    Defect(
        ("event_type.unknown", "price.out_of_range"),
        {"event_type": "'teleport'", "price": "'-0.01'"},
    ),
)

NAMES = ("event_id", "event_time", "event_type", "product_id", "price", "user_id", "session_id")
STOREFRONT = {
    "user_id": "user_id",
    "action": "event_type",
    "product_id": "product_id",
    "product_name": "product_name",
    "price": "price",
    "timestamp": "event_time",
}
PREFIX = "ecommerce_events"
LAYOUTS = (
    Layout("activity", "csv", {name: name for name in NAMES}, f"{PREFIX}_activity"),
    Layout("short_storefront", "csv", STOREFRONT, f"{PREFIX}_storefront"),
    Layout("storefront", "csv", {**STOREFRONT, "session_id": "session_id"}, f"{PREFIX}_storefront"),
)


def name_layout(options: SetOptions, number: int) -> str:
    """Of the storefront files every second one has sessions, the first one has none."""
    if options.shape == "activity" or (options.shape == "mixed" and number % 2 == 1):
        return "activity"
    nth = number if options.shape == "storefront" else number // 2
    return "storefront" if nth % 2 == 0 else "short_storefront"


ACTIVITY_SET = {"files": 201, "rows": 75, "customers": 300}
RECIPE = Recipe(
    dataset="ecommerce_events",
    summary="Shop events as CSV, in the shapes activity, storefront or both mixed.",
    layouts=LAYOUTS,
    layout_name=name_layout,
    silver=SILVER,
    delivered=DELIVERED,
    defects=DEFECTS,
    defaults={
        "activity": ACTIVITY_SET,
        # No ids, so no versions of an event; and the share of bad rows of the old generator.
        "storefront": {
            **{"files": 20, "rows": 100, "customers": 300},
            **{"defects": 0.08, "updates": 0.0, "late": 0.0},
        },
        "mixed": ACTIVITY_SET,
    },
    most_customers=9000,
)
