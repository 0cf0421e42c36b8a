"""The tasks that keep house: work folders, tables, the archive and the history of runs."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Context

from assay.airflow_ui.forms import read_params
from assay.events.event import TaskFinished
from assay.events.sinks import emit
from assay.operations.action_params import MaintenanceParams
from assay.settings import Settings, load_settings
from assay_airflow.attempts import own_attempt
from assay_airflow.connections import connect
from assay_airflow.operators.spark_stage import SparkJobOperator

if TYPE_CHECKING:
    import psycopg

MAINTENANCE = "lakehouse_maintenance"


class _LedgerUpkeepOperator(BaseOperator):
    """A task that asks the ledger what may go, and removes it."""

    def execute(self, context: Context) -> str:
        """Returns one line that says what went, or would go."""
        params = read_params(MaintenanceParams, context["params"])
        with own_attempt(context) as now, connect() as connection:
            now.summary = self.keep(load_settings(), connection, params)
        emit(TaskFinished(now.summary, now.metrics))
        return str(now.summary)

    @abstractmethod
    def keep(
        self, settings: Settings, connection: psycopg.Connection, params: MaintenanceParams
    ) -> str:
        """Remove what may go, and say in one line what it was."""


class PurgeWorkOperator(_LedgerUpkeepOperator):
    """Removes what the stages of ended batches handed to one another."""

    def keep(
        self, settings: Settings, connection: psycopg.Connection, params: MaintenanceParams
    ) -> str:
        """See `assay.maintenance.batches.purge_work`."""
        from assay.maintenance.batches import purge_work

        return purge_work(settings, connection, params.work_days, dry_run=params.dry_run)


class TrimHistoryOperator(_LedgerUpkeepOperator):
    """Removes files, history and receipts that contracts keep no longer; slice files of no book."""

    def keep(
        self, settings: Settings, connection: psycopg.Connection, params: MaintenanceParams
    ) -> str:
        """See `assay.maintenance`: batches, slice_files and receipts."""
        from assay.maintenance.batches import trim_archive, trim_history
        from assay.maintenance.receipts import trim_receipts
        from assay.maintenance.slice_files import sweep_slice_files

        trims = (trim_archive, trim_history, sweep_slice_files, trim_receipts)
        return "; ".join(trim(settings, connection, dry_run=params.dry_run) for trim in trims)


class MaintainTablesOperator(SparkJobOperator):
    """Compacts and vacuums every table of the lake, in one Spark job."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(stage="maintain_tables", program="maintain_tables.py", **kwargs)

    def execute(self, context: Context) -> str:
        """See `spark_jobs.programs.maintain_tables`; a dry run only says what it would do."""
        from assay.maintenance.tables import Request, plan_upkeep, write_request
        from assay.spark_runtime.launch import launch

        settings = load_settings()
        request = settings.home / "maintenance" / "request.json"
        with own_attempt(context) as now:
            with connect() as connection:
                tables = plan_upkeep(settings, connection)
            dry_run = read_params(MaintenanceParams, context["params"]).dry_run
            write_request(Request(tuple(tables), str(settings.locks), dry_run), request)
            holder = f"{MAINTENANCE} epoch {now.epoch}"
            job = launch(settings, lock=MAINTENANCE, holder=holder)
            result = self.run_job(context, job, request, now.epoch)
            now.summary = f"{self.stage}: {result['summary']}{' (dry run)' if dry_run else ''}"
        emit(TaskFinished(now.summary, now.metrics))
        return str(now.summary)
