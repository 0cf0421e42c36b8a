"""Attempts of stages as clients of a warm Spark."""

from __future__ import annotations

from assay.batch.plan import Plan
from assay.batch.results import has_result
from assay.generate.truth import Truth
from builders.attempts import PATIENCE, Attempts, Job, is_stopped, wait_until
from builders.warm_spark import WarmSpark


def run_warm(attempts: Attempts, plan: Plan, *stages: str) -> None:
    """Stages as clients of the server, each with the next epoch."""
    for stage in stages:
        if stage == "commit":
            attempts.stage(plan)
        epoch = attempts.take_epoch()
        job = attempts.start(plan, stage, epoch)
        assert job.wait(PATIENCE) == 0, job.last_words()
        assert has_result(plan.folder, stage, epoch)
        if stage == "commit":
            attempts.record_commit(plan, epoch)


def stop_at(attempts: Attempts, warm: WarmSpark, plan: Plan, point: str) -> tuple[Job, int]:
    """A commit whose client stands at a failpoint, and its epoch."""
    epoch = attempts.take_epoch()
    job = attempts.start(plan, "commit", epoch, failpoint=f"{point}:stop")
    wait_until(lambda: any(map(is_stopped, warm.clients())), job)
    return job, epoch


def check_end(attempts: Attempts, plan: Plan, truth: Truth) -> None:
    (release,) = attempts.publish()
    assert release.batch_id == plan.batch_id
    assert attempts.everything()["silver"] == truth.content_hash
    assert attempts.violations() == []
