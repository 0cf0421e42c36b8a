"""
### Product returns: landing files → bronze → silver → gold → Postgres

Takes every file of returns that is complete in `landing/product_returns/`: CSV, JSON lines or one
JSON array (each also as `.gz`), and Parquet, in today's spelling of the columns or in the older one
(`return_reason`, `refund_amount`, `product_id`).

**Where to look.** Postgres: `serving.product_return`, `gold.returns_by_sku_reason`,
`gold.daily_returns` and, with each category's share of its day, `gold.daily_returns_shares`;
`ops.release` says what is published, `ops.row_ledger` where each record went. The note of a run
sums up its batch.

**When a gate fails** nothing has been published: read the task's log, which names the expectation
and the failing records. The first line of the run's note names the batch: trigger `batch_actions`
with it to retry, to go on without a file, or to give the files back to landing. When the data is
odd but true, trigger this DAG again with `gate_policy` = `override` and a reason.
"""

from __future__ import annotations

from airflow.sdk import DAG

from assay_airflow.dag_factory import pipeline_dag

dag: DAG = pipeline_dag("product_returns", doc_md=__doc__)
