"""Has Spark judge the records of one file by the rules of its dataset; no table is written."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from uuid import uuid4

from assay.batch.results import read_failure, read_result
from assay.batch.slices import FileSlice
from assay.contracts.load import load_contract
from assay.errors import StackError
from assay.home.paths import child_environment
from assay.intake.records import Inspection, matching_suffix
from assay.settings import JOB_PROGRAMS, Settings
from assay.spark_runtime.conf import prepare_spark
from assay.spark_runtime.launch import launch
from assay.spark_runtime.server import is_ready
from assay.storage.files import write_whole

NAME = "try_file"
SHOWN_LINES = 15


@dataclass(frozen=True)
class Request:
    """A file, and the silver table that it would come into."""

    file: FileSlice
    silver: str


@dataclass(frozen=True)
class Outcome:
    """Records by class, and of the quarantined ones by reason; one has all of its reasons.

    `rounded` are values of the others by column, of columns that may be rounded.
    """

    classes: dict[str, int]
    reasons: dict[str, int]
    rounded: dict[str, int]


def try_file(
    settings: Settings, dataset: str, path: Path, found: Inspection, say: Callable[[str], None]
) -> Outcome:
    """Judge a file that would be accepted, by the Spark of the stack, or else by one of its own.

    Raises StackError, with the last lines that Spark wrote, when it does not come to an end.
    """
    spark = settings
    if settings.is_warm and not is_ready(settings):
        say("the stack is not up, so Spark is started for this alone")
        prepare_spark(settings, say)
        spark = replace(settings, spark_master="local[1]")
    folder = settings.home / "tmp" / f"try-{uuid4().hex}"
    suffix = matching_suffix(path.name, load_contract("bronze", dataset))
    copy = folder / f"{found.slice_id}{suffix}"
    folder.mkdir(parents=True)
    try:
        shutil.copyfile(path, copy)
        file = FileSlice(
            dataset=dataset,
            format=found.format,
            slice_id=found.slice_id,
            path=str(copy),
            source_file=path.name,
            records=found.records,
            size_bytes=found.size_bytes,
            header=found.header,
        )
        request = folder / "request.json"
        asked = Request(file, str(settings.lake / Path("silver", dataset)))
        write_whole(request, json.dumps(asdict(asked)))
        _run(spark, request)
        result = read_result(str(folder), NAME, 1)
    finally:
        shutil.rmtree(folder)
    return Outcome(result["classes"], result["reasons"], result["rounded"])


def read_request(path: str) -> Request:
    facts = json.loads(Path(path).read_text())
    return Request(FileSlice(**facts["file"]), facts["silver"])


def _run(settings: Settings, request: Path) -> None:
    job = launch(settings, lock=NAME, holder="assay dataset check")
    conf = [part for name, value in job.conf.items() for part in ("--conf", f"{name}={value}")]
    command = [job.program, "--master", settings.spark_master, "--driver-memory", "1g", *conf]
    done = subprocess.run(  # noqa: S603
        [*command, str(JOB_PROGRAMS / f"{NAME}.py"), str(request), "1"],
        env=child_environment(job.environment),
        cwd=settings.home,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return
    failure = read_failure(str(request.parent), NAME, 1)
    if failure:
        raise failure
    last = "\n".join((done.stdout + done.stderr).splitlines()[-SHOWN_LINES:])
    raise StackError(f"Spark did not judge the file:\n{last}")
