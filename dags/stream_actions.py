"""
### What a person has done to streams: start, stop, reject, readmit, skip

Runs when it is triggered, by its form only. Each action is the command of the same name,
`assay stream …`.

- **stop** lets the micro-batches that are under way end, and waits until nothing of the streams of
  the pipeline runs; Airflow starts none again. **start** has Airflow keep them running.
- **reject** takes a slice that no batch has claimed out of what batches take, and its rows out of
  `live`; **readmit** takes that back.
- **skip** goes on behind records that Kafka has lost, and keeps in the books which.

**Where to look.** The note of this run says what was done; `assay stream status` how streams are.

**When it fails** the note says why: nothing was done, or of a stop what still runs.
"""

from __future__ import annotations

from airflow.sdk import DAG

from assay_airflow.dag_factory import stream_actions_dag

dag: DAG = stream_actions_dag(
    "stream_actions",
    owner="data-platform",
    tags=["stream_actions", "actions"],
    doc_md=__doc__,
)
