"""The task that is a pipeline's streams: one application, which ends with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException

from assay.events.event import Progress
from assay.events.sinks import emit, send_to
from assay.settings import JOB_PROGRAMS, load_settings
from assay_airflow.connections import SPARK, use_kafka_login, use_object_store
from assay_airflow.endings import NeedsPerson
from assay_airflow.task_log import TaskLog, relayed, without_settings

if TYPE_CHECKING:
    from assay.spark_runtime.launch import SparkLaunch

GRACE_SECONDS = 4.0  # Airflow kills a task five seconds after it has asked it to end


class StreamOperator(SparkSubmitOperator):  # type: ignore[misc]  # the provider is untyped
    """Runs the streams of a pipeline for so many seconds; then the next run goes on.

    A task that is killed or cleared lets the micro-batch that is under way end.
    """

    def __init__(self, *, pipeline: str, seconds: int, **kwargs: Any) -> None:
        application = str(JOB_PROGRAMS / "stream_bronze.py")
        super().__init__(
            application=application, conn_id=SPARK, name=f"stream {pipeline}", **kwargs
        )
        self.pipeline = pipeline
        self.seconds = seconds
        self._master = ""

    def execute(self, context: Context) -> str:
        """Returns one line. Raises NeedsPerson when a newer holder has taken a stream, or records
        are lost."""
        from assay.spark_runtime.streaming import MEANINGS, launch_stream, prepare_stream

        send_to(TaskLog())
        use_object_store()
        use_kafka_login()
        settings = load_settings()
        prepare_stream(settings, lambda text: emit(Progress(text)))
        self._set(launch_stream(settings, self.pipeline), settings.stream_master)
        try:
            super().execute(context)
        except AirflowException:
            code = self._hook._submit_sp.returncode if self._hook._submit_sp else None
            if code in MEANINGS:
                raise NeedsPerson("StreamEnded", f"{self.pipeline}: {MEANINGS[code]}") from None
            raise
        return f"{self.pipeline}: the streams have stopped, or hand over to the next run"

    def _set(self, job: SparkLaunch, master: str) -> None:
        self.conf, self.env_vars = job.conf, job.environment
        self._spark_binary, self._driver_memory = job.program, job.driver_memory
        self.application_args = [self.pipeline, "--seconds", str(self.seconds)]
        self._master = master

    def _get_hook(self) -> Any:
        """The provider's, at the master of streams; the events of the application are ours."""
        hook = super()._get_hook()
        hook._connection["master"] = self._master
        log_lines, as_text = hook._process_spark_submit_log, hook._mask_cmd
        hook._process_spark_submit_log = lambda lines: log_lines(relayed(lines))
        hook._mask_cmd = lambda command: as_text(without_settings(command))
        return hook

    def on_kill(self) -> None:
        """Ask the application to end, and kill it when it does not."""
        from assay.spark_runtime.streaming import end_gracefully

        process = self._hook._submit_sp if self._hook else None
        if process is not None and not end_gracefully(process.pid, GRACE_SECONDS):
            super().on_kill()
