"""The generators, by dataset."""

from __future__ import annotations

from assay.errors import SettingsError
from assay.generate.ecommerce_events import ECOMMERCE_EVENTS
from assay.generate.mutual_funds import MUTUAL_FUNDS
from assay.generate.product_returns import PRODUCT_RETURNS
from assay.generate.recipe import Recipe
from assay.generate.stocks import STOCKS
from assay.generate.trades import TRADES

RECIPES: dict[str, Recipe] = {
    recipe.dataset: recipe
    for recipe in (TRADES, ECOMMERCE_EVENTS, STOCKS, MUTUAL_FUNDS, PRODUCT_RETURNS)
}


def recipe_of(dataset: str) -> Recipe:
    """The generator of a dataset. Raises SettingsError when there is none."""
    if dataset not in RECIPES:
        raise SettingsError(f"{dataset}: no generator; there are {', '.join(RECIPES)}")
    return RECIPES[dataset]
