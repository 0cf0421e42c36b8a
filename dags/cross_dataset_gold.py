"""
### Gold across datasets: what became of each product, from events and returns

Runs whenever `ecommerce_events` or `product_returns` has released silver, or when triggered; it
reads only what is released.

**Where to look.** Postgres: `gold.product_performance`, and its view with the return rate. The
Assets page shows which release led to which.

**When a gate fails** nothing has been published, and readers keep the table of the last run: read
the task's log. Trigger again with `full_rebuild` to build from the same releases once more.
"""

from __future__ import annotations

from airflow.sdk import DAG

from assay_airflow.dag_factory import pipeline_dag

dag: DAG = pipeline_dag("cross_dataset_gold", doc_md=__doc__)
