"""What silver asks of each dataset, written down anew for tests of the generators."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from assay.contracts.columns import Column
from assay.contracts.load import load_contract

NULL = "\x1e"
TRADES = load_contract("bronze", "trades").columns
EVENT_TYPES = ("view", "purchase", "add_to_cart", "remove_from_cart")
CATEGORIES = {
    **dict.fromkeys(("defective", "damaged"), "quality_issue"),
    **dict.fromkeys(("not_as_described", "wrong_item"), "product_mismatch"),
    **{"wrong_size": "customer_error", "changed_mind": "other", "other": "other"},
}


Values = dict[str, str]  # by column, as the row hash has them: null is U+001E


def nothing_more(values: Values) -> Iterator[str]:
    """No rule beyond those of single columns."""
    yield from ()


def as_judged(values: Values, texts: Mapping[str, str | None]) -> Values:
    """No column that silver makes itself."""
    return values


@dataclass(frozen=True)
class Rules:
    """What silver asks of a dataset. `renamed` maps headers to columns named otherwise.

    `row_rules` gives the reasons that single columns do not; `derive` adds, in contract order, the
    columns that silver makes itself from the others and the delivered texts.
    """

    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    version: str
    sums: tuple[str, ...]
    renamed: Mapping[str, str] = field(default_factory=dict)
    row_rules: Callable[[Values], Iterable[str]] = nothing_more
    derive: Callable[[Values, Mapping[str, str | None]], Values] = as_judged


def prices_of_purchases(values: Values) -> Iterator[str]:
    """A purchase has a price, and it is more than nothing."""
    bad = {NULL: "price.missing", "0.00": "price.out_of_range"}
    if values["event_type"] == "purchase" and values["price"] in bad:
        yield bad[values["price"]]


def complete_event(values: Values, texts: Mapping[str, str | None]) -> Values:
    """The identifier, delivered or made, and the type as it was spelt."""
    event_id = texts.get("event_id") or "h" + hash_texts(values.values())
    as_sent = {"event_type_delivered": str(texts["event_type"])}
    return {"event_id": event_id, **insert_after(values, "event_type", as_sent)}


def with_category(values: Values, texts: Mapping[str, str | None]) -> Values:
    """What the reason says about the cause."""
    return insert_after(values, "reason", {"reason_category": CATEGORIES[values["reason"]]})


def insert_after(values: Values, name: str, new: Values) -> Values:
    names = list(values)
    at = names.index(name) + 1
    return {n: {**values, **new}[n] for n in [*names[:at], *new, *names[at:]]}


def hash_texts(texts: Iterable[str]) -> str:
    return hashlib.sha256("\x1f".join(texts).encode()).hexdigest()


def must(name: str, kind: str = "string", **facts: Any) -> Column:
    return Column(name, kind, nullable=False, **facts)


RULES = {
    "trades": Rules(
        tuple(load_contract("silver", "trades").columns),
        ("trade_id", "customer_id"),
        "updated_on",
        ("from_cost", "to_cost"),
        {str(column.header): column.name for column in TRADES},
    ),
    "ecommerce_events": Rules(
        (
            must("event_time", "timestamp"),
            must("event_type", standardise="lower", allowed=EVENT_TYPES),
            must("product_id", "bigint", minimum="1"),
            Column("product_name", "string"),
            Column("price", "decimal(10,2)", minimum="0"),
            must("user_id", "bigint", minimum="1"),
            Column("session_id", "string"),
        ),
        ("event_id",),
        "event_time",
        ("price",),
        {"action": "event_type", "timestamp": "event_time"},
        prices_of_purchases,
        complete_event,
    ),
    "stocks": Rules(
        (
            must("stock_id", "bigint"),
            must("company_id", "bigint"),
            must("symbol", standardise="upper"),
            must("price", "decimal(18,4)", minimum="0"),
            must("volume", "bigint", minimum="0"),
            must("stock_timestamp", "timestamp"),
            Column("exchange", "string", standardise="upper"),
            Column("sector", "string"),
        ),
        ("stock_id", "stock_timestamp"),
        "stock_timestamp",
        ("price",),
        {
            "timestamp": "stock_timestamp",
            "details.exchange": "exchange",
            "details.sector": "sector",
        },
    ),
    "mutual_funds": Rules(
        (
            must("fund_id", "bigint"),
            must("name"),
            must("company_id", "bigint"),
            must("holdings", "bigint", minimum="0"),
            must("fund_timestamp", "timestamp"),
        ),
        ("fund_id",),
        "fund_timestamp",
        ("holdings",),
        {"timestamp": "fund_timestamp"},
    ),
    "product_returns": Rules(
        (
            must("return_id"),
            must("order_id"),
            Column("customer_id", "string"),
            must("sku"),
            must("reason", standardise="lower", allowed=tuple(CATEGORIES)),
            must("qty", "int", minimum="0"),
            must("amount", "decimal(12,2)", minimum="0"),
            must("return_date", "date"),
            must("ingest_ts", "timestamp"),
        ),
        ("return_id",),
        "ingest_ts",
        ("qty", "amount"),
        {"return_reason": "reason", "refund_amount": "amount", "product_id": "sku"},
        derive=with_category,
    ),
}
