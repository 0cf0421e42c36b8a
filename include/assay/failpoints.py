"""Named points at which a fault test ends, stops or interrupts this very process; else nothing."""

from __future__ import annotations

import os
import signal

from assay.errors import SettingsError

ACTIONS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "interrupt": signal.SIGINT}


def reach(name: str) -> None:
    """Come to a point. ASSAY_FAILPOINT=`<name>:<kill|stop|interrupt>` arms it.

    Raises SettingsError when one is armed outside a test (ASSAY_FAILPOINTS_ALLOWED=1 allows it).
    """
    armed = os.environ.get("ASSAY_FAILPOINT")
    if not armed:
        return
    if os.environ.get("ASSAY_FAILPOINTS_ALLOWED") != "1":
        raise SettingsError(f"ASSAY_FAILPOINT={armed!r} is for fault tests only; unset it")
    point, _, action = armed.rpartition(":")
    if action not in ACTIONS:
        raise SettingsError(f"ASSAY_FAILPOINT={armed!r}: must be name:{'|'.join(ACTIONS)}")
    if point == name:
        os.kill(os.getpid(), ACTIONS[action])
