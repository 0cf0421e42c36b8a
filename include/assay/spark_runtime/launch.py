"""How a Spark job is launched: program, settings, environment and the lock that it runs under."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from assay.settings import Settings
from assay.spark_runtime.conf import CLUSTER_UMASK, spark_environment, submit_conf


@dataclass(frozen=True)
class SparkLaunch:
    """What SparkSubmitOperator is told."""

    program: str
    conf: dict[str, str]
    environment: dict[str, str]
    driver_memory: str


def launch(settings: Settings, *, lock: str, holder: str) -> SparkLaunch:
    """Settings of one job; two jobs with the same `lock` never run at once.

    `holder` is what a job that has to wait tells its reader. See `assay.spark_runtime.submit`.
    """
    return SparkLaunch(
        program=str(Path(sys.prefix) / "bin" / "assay-spark-submit"),
        conf={} if settings.is_remote else submit_conf(settings),
        environment={
            **spark_environment(settings),
            "ASSAY_HOME": str(settings.home),
            # Airflow shows these, and a parameter may be a token: it is inherited from the task.
            **({} if settings.spark_parameters else {"ASSAY_SPARK_MASTER": settings.spark_master}),
            "ASSAY_SPARK_LOCK": str(settings.locks / f"{lock}.lock"),
            "ASSAY_SPARK_HOLDER": holder,
            **({"ASSAY_SPARK_UMASK": f"{CLUSTER_UMASK:o}"} if settings.is_cluster else {}),
        },
        driver_memory=settings.driver_memory,
    )
