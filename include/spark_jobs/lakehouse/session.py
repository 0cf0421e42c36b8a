"""The Spark session of a job: of an application of its own, or of a server that many share.

All settings of the JVM come from `assay.spark_runtime.conf`, by spark-submit or by the server.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from assay.events.event import Progress
from assay.events.sinks import emit
from assay.words import count

if TYPE_CHECKING:
    from pyspark.sql.connect.shell.progress import StageInfo

REMOTE = "SPARK_REMOTE"
SMALL_INPUT = 16 << 20
SAY_EVERY = 10.0  # seconds between two lines on how far a query is
NEEDED = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
}
# Planning anew at run time has Delta list its files anew, a dozen times for one join; and code for
# few rows costs more than it saves.
FOR_SMALL_INPUT = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}

_watches: dict[int, Watch] = {}  # by session


@contextmanager
def session(name: str, *, input_bytes: float = SMALL_INPUT) -> Iterator[SparkSession]:
    """A session for one attempt; safety settings are asserted, not assumed.

    `name` names the attempt. Of a server, the session is given back at the end, and nothing of it
    stays there.
    """
    remote = os.environ.get(REMOTE)
    with _session_of(remote) if remote else _own_session(name) as spark:
        for setting, needed in NEEDED.items():
            found = spark.conf.get(setting, "")
            if found != needed:
                told = f"{setting} is {found!r}; Assay's results hold only for {needed!r}"
                raise RuntimeError(told)
        if input_bytes < SMALL_INPUT:
            for setting, value in FOR_SMALL_INPUT.items():
                spark.conf.set(setting, value)
        yield spark


@contextmanager
def _own_session(name: str) -> Iterator[SparkSession]:
    yield SparkSession.builder.appName(name).getOrCreate()  # ends with the JVM


@contextmanager
def _session_of(remote: str) -> Iterator[SparkSession]:
    """A session of a server. First, all that earlier attempts have left running there is ended.

    Ids that were not given back stand beside the lock of the pipeline, which this process holds.
    A server takes no id twice, so none follows from the epoch, which begins anew with the books.
    """
    book = Path(os.environ["ASSAY_SPARK_LOCK"]).with_suffix(".sessions")
    known = book.read_text().split() if book.is_file() else []
    left = [each for each in known if not _end_session(remote, each)]
    own = str(uuid4())
    book.write_text("".join(f"{each}\n" for each in [*left, own]))
    spark = _connect(remote, own)
    try:
        watch = _watches[id(spark)] = Watch(time.monotonic)
        spark.registerProgressHandler(watch)  # type: ignore[arg-type]  # any callable does
        yield spark
    finally:
        if _end_session(remote, own, spark) and not left:
            book.unlink(missing_ok=True)
        _watches.pop(id(spark), None)


def _connect(remote: str, session_id: str) -> SparkSession:
    more = ";" if "/;" in remote else "/;"
    spark = SparkSession.builder.remote(f"{remote}{more}session_id={session_id}").create()
    spark.client.set_retry_policies([_often()])
    return spark


def _often() -> Any:
    """How a client waits for its server: often, for it is back in seconds."""
    # An application of its own has no need of what this imports.
    from pyspark.sql.connect.client.retries import DefaultPolicy

    return DefaultPolicy(max_retries=90, initial_backoff=50, backoff_multiplier=2, max_backoff=1000)


def _end_session(remote: str, session_id: str, spark: SparkSession | None = None) -> bool:
    """Interrupt what runs in a session, and give it back; whether the server has answered.

    One that is closed already, or that a server which was started anew does not know, is no matter.
    """
    try:
        spark = spark or _connect(remote, session_id)
        spark.interruptAll()
    except PySparkException as error:
        return "INVALID_HANDLE" in str(error)
    with suppress(PySparkException):
        spark.stop()
    return True


class Watch:
    """Hears of each query of a session: counts it, and prints now and then how far it is."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.queries = 0
        self._clock = clock
        self._told = clock()

    def __call__(
        self,
        stages: Iterable[StageInfo] | None,
        inflight_tasks: int,
        operation_id: str | None,
        done: bool,
    ) -> None:
        if done:
            self.queries += 1
        elif self._clock() >= self._told + SAY_EVERY:
            self._told = self._clock()
            known = [*(stages or ())]
            done_stages = sum(each.num_completed_tasks == each.num_tasks for each in known)
            tasks, over = sum(s.num_tasks for s in known), sum(s.num_completed_tasks for s in known)
            read = sum(each.num_bytes_read for each in known) >> 20
            told = f"{done_stages} of {count(len(known), 'stage')}"
            told += f", {over:,} of {count(tasks, 'task')}, {read:,} MB read"
            emit(Progress(f"spark: {told if known else 'no stage has begun yet'}"))


def queries_of(spark: SparkSession) -> int:
    """How many queries and commands a server was asked for; in an application, with Delta's own."""
    if os.environ.get(REMOTE):
        return _watches[id(spark)].queries
    spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
    return int(spark._jsparkSession.sharedState().statusStore().executionsCount())


def local_frame(
    spark: SparkSession, rows: Sequence[Mapping[str, object]], schema: pa.Schema
) -> DataFrame:
    """A few rows that the driver knows, as a frame that needs no Python worker to be read."""
    table = pa.Table.from_pylist(rows, schema=schema)
    return spark.createDataFrame(table, schema=from_arrow_schema(schema))  # of no row, it is asked


def tasks_by_host(spark: SparkSession) -> dict[str, int]:
    """Tasks done by the executors on each host; empty where the driver does them all itself.

    A server does not tell its clients.
    """
    if os.environ.get(REMOTE):
        return {}
    # Spark tells it on its page and to its status store, which Python has no name for.
    known = spark.sparkContext._jsc.sc().statusStore().executorList(False)
    tasks: Counter[str] = Counter()
    for each in (known.apply(place) for place in range(known.size())):
        if each.id() != "driver":
            tasks[each.hostPort().rpartition(":")[0]] += each.completedTasks()
    return dict(tasks)
