"""
### Trades: landing files → bronze → silver → gold → Postgres

Takes every trade file (`*.csv`, `*.csv.gz`) that is complete in `landing/trades/`.

**Where to look.** Postgres: `serving.trade_event`, `gold.daily_trade_summary`,
`gold.customer_exposure`; `ops.release` says what is published, `ops.row_ledger` where each record
went. The note of a run sums up its batch.

**When a gate fails** nothing has been published: read the task's log, which names the expectation
and the failing records. The first line of the run's note names the batch: trigger `batch_actions`
with it to retry, to go on without a file, or to give the files back to landing. When the data is
odd but true, trigger this DAG again with `gate_policy` = `override` and a reason.
"""

from __future__ import annotations

from airflow.sdk import DAG

from assay_airflow.dag_factory import pipeline_dag

dag: DAG = pipeline_dag("trades", doc_md=__doc__)
