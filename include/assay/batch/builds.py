"""What the newest builds of a batch made, where they belong together."""

from __future__ import annotations

from assay.batch.gates import subjects
from assay.batch.plan import Plan
from assay.batch.stage_results import NO_GOLD, GoldBuild, SilverBuild, read_gold, read_silver
from assay.errors import BatchError


def read_builds(plan: Plan, rules: str) -> tuple[dict[str, SilverBuild], dict[str, GoldBuild]]:
    """What the newest builds made of silver and gold. Raises BatchError unless they belong together
    and were made under the rules of today."""
    has_silver = plan.input.makes_silver
    silver = read_silver(plan.folder) if has_silver else None
    made_from = subjects(plan, "silver") if has_silver else {}
    gold = read_gold(plan.folder) if plan.needs("build_gold") else NO_GOLD
    if gold.made_from not in (None, made_from):
        raise BatchError(
            f"{plan.batch_id}: silver was built again after gold; clear build_gold and all after it"
        )
    if not {silver.rules if silver else None, gold.rules} <= {None, rules}:
        raise BatchError(
            f"{plan.batch_id}: contracts or transformations have changed since it was built and"
            f" judged; clear {plan.input.first_build} and all after it"
        )
    return silver.datasets if silver else {}, gold.tables
