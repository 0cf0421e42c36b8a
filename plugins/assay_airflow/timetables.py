"""When what keeps house runs: at its dates, and never because it was unpaused."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import timezone
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable

# Within it a date still counts as now: the scheduler needs moments to begin a run, and the files
# of DAGs are parsed, which asks for the next date, at any time.
GRACE = timedelta(hours=1)


class OnlyAhead(CronTriggerTimetable):
    """Runs at the dates of a cron expression in UTC; a date that was missed is not made up for.

    Airflow's own timetables run the newest past date at once when a DAG is unpaused, also without
    catchup: the form of a trigger unpauses by default, and a dry run would be preceded by a real
    one.
    """

    def __init__(self, cron: str) -> None:
        super().__init__(cron, timezone="UTC")

    def serialize(self) -> dict[str, str]:
        """See `deserialize`."""
        return {"cron": self._expression}

    @classmethod
    def deserialize(cls, data: dict[str, str]) -> OnlyAhead:
        """From what `serialize` gave."""
        return cls(data["cron"])

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The date that Airflow would take, if it is not over; else the next one."""
        found = super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )
        now = timezone.coerce_datetime(timezone.utcnow())
        if found is None or found.run_after >= now - GRACE:
            return found
        ahead = self._align_to_next(now)
        if restriction.latest is not None and restriction.latest < ahead:
            return None
        return DagRunInfo.exact(ahead)
