"""Every gold table can be computed anew from what the contracts say of it and of its silver."""

from __future__ import annotations

import duckdb
import pytest

from assay.contracts.load import all_contracts, load_contract
from assay.contracts.model import Contract
from assay.verify.evidence import duck_type
from assay.verify.stores import audit_query


@pytest.mark.parametrize("gold", all_contracts("gold"), ids=lambda gold: gold.name)
def test_audit_query_makes_the_columns_of_the_contract_without_a_float(gold: Contract) -> None:
    with duckdb.connect() as database:
        for dataset in gold.datasets:
            silver = load_contract("silver", dataset)
            columns = ", ".join(f'"{c.name}" {duck_type(c)}' for c in silver.columns)
            database.execute(f"CREATE TABLE {dataset} ({columns})")
        query = audit_query(database, gold)
        assert query, f"include/gold/{gold.name}/audit.sql is missing"
        made = database.sql(query)
        assert made.columns == gold.column_names
        assert not {"FLOAT", "DOUBLE"} & {str(kind) for kind in made.types}
