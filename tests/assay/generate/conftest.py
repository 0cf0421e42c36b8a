"""Small sets of every dataset and shape, each made once."""

from __future__ import annotations

import pytest

from assay.generate.recipes import generated_datasets, recipe_of
from assay.generate.truth import Truth
from assay.generate.write import generate
from builders.deliveries import small

SETS = [(name, shape) for name in generated_datasets() for shape in recipe_of(name).defaults]


@pytest.fixture(scope="session", params=SETS, ids=lambda pair: "-".join(filter(None, pair)))
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """A set of 3,000 records of one dataset in one shape, with files that cannot be taken."""
    dataset, shape = request.param
    out = tmp_path_factory.mktemp("made") / "landing"
    options = small(dataset, out, shape=shape, damaged=True, gzip_every=3)
    return generate(dataset, options)


@pytest.fixture(scope="session")
def trades(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """A set of 3,000 trades."""
    return generate("trades", small("trades", tmp_path_factory.mktemp("trades") / "landing"))
