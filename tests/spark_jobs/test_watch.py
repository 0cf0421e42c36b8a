"""What a client of a server tells of a query that takes long; no Spark."""

from __future__ import annotations

from pyspark.sql.connect.shell.progress import StageInfo

from builders.produced import Clock
from spark_jobs.lakehouse.session import SAY_EVERY, Watch

STAGES = [
    StageInfo(0, num_tasks=4, num_completed_tasks=4, num_bytes_read=3 << 20, done=True),
    StageInfo(1, num_tasks=8, num_completed_tasks=2, num_bytes_read=1 << 20, done=False),
]


def test_a_query_is_told_of_every_ten_seconds_and_counted_at_its_end(said: list[str]) -> None:
    clock = Clock()
    watch = Watch(clock)
    watch(STAGES, 2, "a query", False)
    clock.now += SAY_EVERY
    for _ in range(2):
        watch(STAGES, 2, "a query", False)
    assert said == ["spark: 1 of 2 stages, 6 of 12 tasks, 4 MB read"]
    clock.now += SAY_EVERY
    watch(None, 0, "a query", False)  # the server has not begun
    assert said[1:] == ["spark: no stage has begun yet"]
    assert watch.queries == 0
    watch(STAGES, 0, "a query", True)
    assert watch.queries == 1
