"""What silver asks of each dataset, written down anew for tests of the generators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from assay.contract import Column, load_contract

TRADES = load_contract("bronze", "trades").columns
EVENT_TYPES = ("view", "purchase", "add_to_cart", "remove_from_cart")
CATEGORIES = {
    **dict.fromkeys(("defective", "damaged"), "quality_issue"),
    **dict.fromkeys(("not_as_described", "wrong_item"), "product_mismatch"),
    **{"wrong_size": "customer_error", "changed_mind": "other", "other": "other"},
}


@dataclass(frozen=True)
class Rules:
    """What silver asks of a dataset. `renamed` maps headers to columns named otherwise."""

    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    version: str
    sums: tuple[str, ...]
    renamed: Mapping[str, str] = field(default_factory=dict)


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
    ),
}
