"""
### Finance: quotes of stocks and holdings of mutual funds → bronze → silver → gold → Postgres

Takes every JSON file (`*.jsonl`, `*.ndjson`, `*.json`, plain or `.gz`) that is complete in
`landing/stocks/` and `landing/mutual_funds/`. A run takes both feeds as one batch; either may be
empty.

**Where to look.** Postgres: `serving.stock_prices`, `serving.stocks` (latest quotes),
`serving.mutual_funds`, `gold.fund_holdings_value`, `gold.sector_totals`, `gold.adjusted_prices`;
`gold.company_coverage` says which stocks have no fund, and the other way round. `ops.release` says
what is published, `ops.row_ledger` where each record went. The note of a run sums up its batch.

**When a gate fails** nothing has been published: read the task's log, which names the expectation
and the failing records. The first line of the run's note names the batch: trigger `batch_actions`
with it to retry, to go on without a file, or to give the files back to landing. When the data is
odd but true, trigger this DAG again with `gate_policy` = `override` and a reason.
"""

from __future__ import annotations

from airflow.sdk import DAG

from assay_airflow.dag_factory import pipeline_dag

dag: DAG = pipeline_dag("finance", doc_md=__doc__)
