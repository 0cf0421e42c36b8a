"""The ways out of a stream: reject a slice, take that back, and go on behind what is lost."""

from __future__ import annotations

from typing import Annotated

import psycopg
import typer

from assay.home.dsn import dsn
from assay.operations.asked_by import person_at_terminal
from assay.operations.stream_slices import readmit as readmit_slice
from assay.operations.stream_slices import reject_pending
from assay.settings import load_settings
from assay.streams.names import Stream
from assay.streams.skipping import skip_lost

Dataset = Annotated[str, typer.Argument(help="The dataset.")]
Slice = Annotated[str, typer.Argument(help="Its file, or the beginning of its id.")]
Why = Annotated[str, typer.Option(help="The reason, for the books.")]


def reject(dataset: Dataset, slice_id: Slice, why: Why) -> None:
    """Reject a pending slice: no batch takes it, and live shows none of its records."""
    settings, who = load_settings(), person_at_terminal()
    with psycopg.connect(dsn(settings, "assay_loader"), autocommit=True) as connection:
        print(reject_pending(settings, connection, dataset, slice_id, who, why))


def readmit(dataset: Dataset, slice_id: Slice, why: Why) -> None:
    """Have a slice be pending again that was rejected, or rolled back without its files."""
    settings, who = load_settings(), person_at_terminal()
    with psycopg.connect(dsn(settings, "assay_loader"), autocommit=True) as connection:
        print(readmit_slice(settings, connection, dataset, slice_id, who, why))


def skip(dataset: Dataset, why: Why) -> None:
    """Go on behind records that Kafka has lost before the stream could record them."""
    settings, who = load_settings(), person_at_terminal()
    with psycopg.connect(dsn(settings, "assay_streamer"), autocommit=True) as connection:
        print(skip_lost(settings, connection, Stream(dataset, "kafka"), who, why))
