"""The one plugin that Airflow loads."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from assay_airflow import listeners as assay_listeners
from assay_airflow.timetables import OnlyAhead


class AssayPlugin(AirflowPlugin):
    """Registers the listeners, and the timetable of what keeps house."""

    name = "assay"
    listeners = [assay_listeners]  # noqa: RUF012  Airflow reads these lists
    timetables = [OnlyAhead]  # noqa: RUF012
