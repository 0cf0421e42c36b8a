"""
### Every pipeline of `pipelines.yaml` that has no file of its own

A dataset that was made by `assay dataset new` needs none: what its DAG takes, from where, and where
to look are told by its contract, which the manual of the DAG is made from. Write a file for a
pipeline whose manual has more to say, as the others here have one.
"""

from __future__ import annotations

from assay_airflow.dag_factory import other_pipeline_dags

# Airflow finds DAGs among the names of a module.
globals().update(other_pipeline_dags())
