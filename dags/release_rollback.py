"""
### Take a release back: lake, Postgres, books and files as they were

Runs when it is triggered, by its form only. Name either the release that readers shall see again,
or the newest batch of a pipeline, released or not; `assay release list` shows both.

- Silver, gold and quarantine go back by Delta RESTORE. Postgres is loaded anew in one transaction,
  so readers see one release or the other, never a mix.
- Batches become ROLLED_BACK, with who, when and why. Rows that they took out of quarantine are in
  it again. Their files are archived or, with *Give the files back*, pending again.
- What is built from the released silver, `cross_dataset_gold`, is told and built again.

**When it fails** before anything moved, the note says so. Cut off in the middle, nothing else of
the pipeline goes on until it is complete: trigger it again with the same fields.
"""

from __future__ import annotations

from airflow.sdk import DAG

from assay_airflow.dag_factory import rollback_dag

dag: DAG = rollback_dag(
    "release_rollback",
    owner="data-platform",
    tags=["release_rollback", "actions"],
    doc_md=__doc__,
)
