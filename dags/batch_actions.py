"""
### The ways out of a stuck batch: retry, reject a file, abandon

Runs when it is triggered, by its form only. The first line of a red run's note names the batch.

- **retry** goes on with the batch from the first task that it still needs, as it was planned.
- **reject-file** goes on without one file, which is kept in `rejected/` with the reason. A slice of
  a stream stays where it is, and no batch takes it: `assay stream readmit` takes that back.
- **abandon** gives all files of the batch back to landing. Take a bad one out of there before the
  next run, which takes what is there.

**Where to look.** The note of this run says what was done, and the note of the batch's run what
became of it; `ops.batch_action` keeps who did what, when and why.

**When it fails** nothing was done, and the note says what there is: the open batches with their
states, or the files of the batch.
"""

from __future__ import annotations

from airflow.sdk import DAG

from assay_airflow.dag_factory import batch_actions_dag

dag: DAG = batch_actions_dag(
    "batch_actions",
    owner="data-platform",
    tags=["batch_actions", "actions"],
    doc_md=__doc__,
)
