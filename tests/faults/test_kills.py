"""Whatever is killed while a stream is fed, every event is there once, live or released.

`ASSAY_KILLS` says how often each part is killed (default 1); all events are looked for after each
round. `ASSAY_KILL_SEED` says in which order and when; it is printed.
"""

from __future__ import annotations

import os
import secrets
from random import Random
from typing import TYPE_CHECKING

import pytest

from builders.kills import Kills
from builders.machine import running_machine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from builders.own_server import OwnServer

pytestmark = [pytest.mark.e2e, pytest.mark.long]


def test_no_kill_of_any_part_loses_or_doubles_an_event(
    own_server: OwnServer, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    for target in ("topic", "gateway"):  # on a machine that has much else to do
        monkeypatch.setattr(f"assay.produce.{target}.PATIENCE", 900.0)
    wanted = int(os.environ.get("ASSAY_KILLS", "1"))
    seed = int(os.environ.get("ASSAY_KILL_SEED") or secrets.randbelow(1 << 31))
    with running_machine(own_server, spark) as machine:
        kills = Kills(machine, Random(seed))  # noqa: S311  # to be repeated, not to be secret
        print(f"kills: {wanted} of each part, ASSAY_KILL_SEED={seed}", flush=True)
        for number in range(1, wanted + 1):
            machine.produce(number)
            kills.round()
            machine.end_producing()
            machine.require_truth()
            sent = len(machine.truth)
            print(f"kills: {sent:,} events are there once; killed {kills.count}", flush=True)
        print(f"kills: {kills.published_before} of {wanted} publishes had ended before", flush=True)
        assert set(kills.count.values()) == {wanted}
