"""One real stack for all end-to-end tests, and the batches that several of them look at."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.generate.truth import Truth
from assay.home.processes import find_ours, find_postgres, find_supervisor
from assay.settings import REPOSITORY, load_settings
from assay.spark_runtime.conf import prepare_spark
from assay_stack import supervisor
from builders.deliveries import deliver, make_set, truth_of_first
from builders.running_stack import Batch, RunningStack

FIRST_FILES = 4
FEEDS = "feeds"


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """A fresh home, up, with the first scheduled run over; when it is down, no process may be left.

    Not below pytest's folder: as root, Postgres runs as another user, who must get in.
    """
    lake = {"ASSAY_LAKE": os.environ.get("ASSAY_LAKE", "")}  # on S3, if the tests are run so
    usual = os.environ.get("ASSAY_HOME", str(REPOSITORY / ".assay"))
    shared = load_settings({"ASSAY_HOME": usual, **lake})
    prepare_spark(shared, print)
    home = Path(tempfile.mkdtemp(prefix="assay-e2e-"))
    home.chmod(0o755)
    for part in ("jars", "java"):
        (home / part).symlink_to(shared.home / part)
    settings = load_settings({"ASSAY_HOME": str(home), "ASSAY_DRIVER_MEMORY": "1g", **lake})
    # The other half of the tests starts a stack as well, perhaps in the same moment.
    ports = {"airflow": 18080, "postgres": 15432, "spark": 15102}
    (home / "ports.json").write_text(json.dumps(ports))
    try:
        with pytest.MonkeyPatch.context() as environment:  # which the parts of the stack inherit
            environment.setenv("ASSAY_DATASETS", str(home / FEEDS))
            environment.setenv("ASSAY_LOG", "json")  # people must find the same sentences
            supervisor.up(settings, print)
        running = RunningStack(settings)
        running.let_schedule_begin()
        yield running
    finally:
        supervisor.down(settings, print)
        left = [find_supervisor(settings), find_postgres(settings), *find_ours(settings)]
        keep = os.environ.get("ASSAY_KEEP_HOME")
        if not keep:
            shutil.rmtree(home)
    assert [process for process in left if process] == []


@pytest.fixture(autouse=True)
def feeds(stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the stack has the datasets that are not of the repository, and its commands as well."""
    folder = str(stack.settings.home / FEEDS)
    monkeypatch.setenv("ASSAY_DATASETS", folder)
    return folder


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """Six files with every defect, updates, late versions and duplicates, and three damaged."""
    return make_set(
        tmp_path_factory.mktemp("generated"),
        files=6,
        rows=400,
        defects=0.06,
        duplicates=0.02,
        updates=0.05,
        late=0.05,
        gzip_every=3,
        damaged=True,
        seed=11,
    )


@pytest.fixture(scope="session")
def first_batch(stack: RunningStack, generated: Truth) -> Batch:
    """The first files and the damaged ones, by a run; a second run is triggered beside it."""
    out = generated.options.out
    names = [file.name for file in generated.files[:FIRST_FILES]]
    deliver(stack.landing(), [out / n for n in (*names, *(f.name for f in generated.rejected))])
    run_id = stack.trigger()
    waiting = stack.trigger()
    run = stack.succeed(stack.wait(run_id))
    return Batch(run, stack.batch_of(run_id)[0], truth_of_first(generated, FIRST_FILES), waiting)


@pytest.fixture(scope="session")
def second_batch(stack: RunningStack, generated: Truth, first_batch: Batch) -> Batch:
    """The other files, with updates and late versions of trades of the first batch.

    The job that ingests them is killed; Airflow tries again by itself.
    """
    stack.wait(first_batch.waiting_run)  # it would take the files
    out = generated.options.out
    deliver(stack.landing(), [out / file.name for file in generated.files[FIRST_FILES:]])
    run_id = stack.trigger()
    stack.kill_job(run_id, "ingest_bronze", lambda: True)
    run = stack.succeed(stack.wait(run_id))
    return Batch(run, stack.batch_of(run_id)[0], generated)
