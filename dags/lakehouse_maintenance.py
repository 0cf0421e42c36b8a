"""
### Keeping house: work folders, tables of the lake, archive

Every Sunday at 05:00 UTC, once it is unpaused: it is delivered paused, and unpausing it starts
nothing; the first run is on the next Sunday. Or when triggered. Owner: data-platform. No reader
sees a difference.

- **purge_work** removes the change sets of batches that ended `work_days` ago.
- **maintain_tables** puts small files together (OPTIMIZE) and removes files (VACUUM) that no
  release of the last `retention_days` of the table's contract, and no open batch, reads.
- **trim_history** removes archived files and pages of batches that the bronze contract
  (`archive_days`, `history_days`) keeps no longer; without these, they are kept for ever. Receipts
  of the gateway go after `receipt_days`, once their records are released.

**Where to look.** The note of the run says in one line what was kept and removed, the logs table by
table; with `dry_run`, what would be removed.

**When it fails** nothing is lost and no pipeline is held up: clear the failed task.
"""

from __future__ import annotations

from airflow.sdk import DAG

from assay_airflow.dag_factory import maintenance_dag

dag: DAG = maintenance_dag(
    "lakehouse_maintenance",
    schedule="0 5 * * 0",
    owner="data-platform",
    tags=["lakehouse_maintenance", "maintenance", "weekly"],
    doc_md=__doc__,
)
