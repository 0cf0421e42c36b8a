"""The folder of DAG files, as those see it who change what its files read."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from assay.settings import REPOSITORY

DAGS = REPOSITORY / "dags"


def dag_file(pipeline: str) -> Path:
    """The file of a pipeline's DAG; one that has none has its DAG from `other_pipelines`."""
    return DAGS / f"{pipeline}.py"


def have_dags_parsed() -> None:
    """Have Airflow parse the file `other_pipelines` at its next look, in seconds.

    It parses a file that has not changed every few minutes only. Where the folder cannot be written
    to, as in an image, a DAG comes with that.
    """
    with suppress(OSError):
        os.utime(dag_file("other_pipelines"))
