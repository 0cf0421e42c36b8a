"""
### Shop events: landing files → bronze → silver → gold → Postgres

Takes every event file (`*.csv`, `*.csv.gz`) that is complete in `landing/ecommerce_events/`. All
spellings of the header may be in one batch: `event_type`, `event_time`, and `action`, `timestamp`.

**Where to look.** Postgres: `serving.ecommerce_event` (also as `serving.user_activity` and
`serving.events`), `gold.hourly_product_activity`, `gold.daily_conversion`; `ops.release` says what
is published, `ops.row_ledger` where each record went, `serving.user_activity_errors` and
`serving.corrupt_records` what is in quarantine. The note of a run sums up its batch.

**When a gate fails** nothing has been published: read the task's log, which names the expectation
and the failing records. The first line of the run's note names the batch: trigger `batch_actions`
with it to retry, to go on without a file, or to give the files back to landing. When the data is
odd but true, trigger this DAG again with `gate_policy` = `override` and a reason.
"""

from __future__ import annotations

from airflow.sdk import DAG

from assay_airflow.dag_factory import pipeline_dag

dag: DAG = pipeline_dag("ecommerce_events", doc_md=__doc__)
