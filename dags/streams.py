"""
### The streams of every pipeline whose rows are served

One DAG each, `<pipeline>_stream`, which is paused until somebody wants the stream: see
docs/streams.md.
"""

from __future__ import annotations

from assay_airflow.stream_dags import stream_dags

# Airflow finds DAGs among the names of a module.
globals().update(stream_dags())
