"""The one plugin that Airflow loads: it puts the summary of a batch on its run."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from assay_airflow import run_notes


class AssayPlugin(AirflowPlugin):
    """Registers the listener that writes run notes."""

    name = "assay"
    listeners = [run_notes]  # noqa: RUF012  Airflow reads this list
