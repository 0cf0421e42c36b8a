"""What a person can have done to streams by the form of the DAG stream_actions.

Each action is what the command of the same name does (`assay stream`).
"""

from __future__ import annotations

import psycopg

from assay.errors import SettingsError
from assay.home.dsn import dsn
from assay.ledger.actions import StreamAction
from assay.ledger.query import Connection
from assay.operations.stream_slices import readmit, reject_pending
from assay.operations.streams import start_streams, stop_streams
from assay.settings import Settings
from assay.streams.names import Stream
from assay.streams.skipping import skip_lost

# action → what its form has to name
NEEDS: dict[StreamAction, tuple[str, ...]] = {
    "start": ("pipeline",),
    "stop": ("pipeline",),
    "reject": ("dataset", "slice"),
    "readmit": ("dataset", "slice"),
    "skip": ("dataset",),
}


def act_on_streams(
    settings: Settings,
    connection: Connection,
    action: StreamAction,
    named: dict[str, str],
    who: str,
    why: str,
) -> str:
    """Do what is asked; returns one line that says what was done.

    `named` has what the action needs: `pipeline`, `dataset`, `slice`. Raises SettingsError when one
    is missing or needless, and what the function behind the action raises.
    """
    needs = NEEDS[action]
    if {name for name, value in named.items() if value} != {*needs}:
        given = ", ".join(f"{name}={value!r}" for name, value in named.items() if value)
        raise SettingsError(
            f"{action} needs {' and '.join(needs)} and nothing else; given: {given or 'none'}"
        )
    if action == "start":
        return start_streams(settings, named["pipeline"])
    if action == "stop":
        return stop_streams(settings, connection, named["pipeline"])
    dataset = named["dataset"]
    if action == "skip":
        with psycopg.connect(dsn(settings, "assay_streamer"), autocommit=True) as of_streams:
            return skip_lost(settings, of_streams, Stream(dataset, "kafka"), who, why)
    move = {"reject": reject_pending, "readmit": readmit}[action]
    return move(settings, connection, dataset, named["slice"], who, why)
