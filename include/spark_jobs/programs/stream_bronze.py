"""The program of the streams of a pipeline: stream_bronze.py PIPELINE [--seconds N] [--renew N].

Ends with 0 when it was asked to or its time is over, 4 when records of Kafka are lost, 5 when a
newer holder has taken a stream, and 1 after any other error. Its JVM ends with 3 when its heap is
full.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from threading import Event

from assay.errors import AssayError
from assay.home.processes import die_with_parent
from assay.settings import load_settings
from assay.streams.names import streams_of
from assay.streams.stopping import StopFile
from spark_jobs.lakehouse.session import session
from spark_jobs.programs.run_stage import fail
from spark_jobs.streams.application import RENEW_SECONDS, Application

FOR_EVER = 10 * 365 * 86_400.0


def main() -> None:
    """Run the streams until they are to stop."""
    parser = argparse.ArgumentParser(prog="stream_bronze.py", description=__doc__)
    parser.add_argument("pipeline", help="name of the pipeline")
    parser.add_argument("--only", default="", help="the dataset, when it is not all of them")
    parser.add_argument("--seconds", type=float, default=FOR_EVER, help="when to end by itself")
    parser.add_argument(
        "--renew", type=float, default=RENEW_SECONDS, help="when each stream takes a new query"
    )
    given = parser.parse_args()
    die_with_parent()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):  # also while Spark is starting
        signal.signal(number, lambda *_: stop.set())
    settings = load_settings()
    stop_file = StopFile.of(settings, given.pipeline)  # so is what asks it from now on
    known = streams_of(settings, given.pipeline)
    streams = [each for each in known if given.only in ("", each.dataset)]
    try:
        with session(f"stream {given.pipeline}", input_bytes=0) as spark:
            application = Application(spark, settings, stop_file, stop, given.renew)
            code = application.run(streams, given.seconds)
    except AssayError as error:
        fail(error)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a query that was cut off must not hold the process


if __name__ == "__main__":
    main()
