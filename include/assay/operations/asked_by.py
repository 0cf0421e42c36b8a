"""Who asks: the person at a terminal, beside the user of Airflow as whom their command logs in.

A command tells the person in the `conf` of the run that it starts. Whoever may start a run may
write there what they like, so the name never stands alone: the user of Airflow, who is proven,
comes first.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping

from assay.words import on_one_line

ASKED_BY = "asked_by"  # in `conf`; no param, so that no form asks for it
LONGEST = 100


def person_at_terminal() -> str:
    """The name of the person as the operating system has it."""
    return getpass.getuser()


def for_person(conf: Mapping[str, object], who: str) -> dict[str, object]:
    """The conf of a run that is asked for by this person."""
    return {**conf, ASKED_BY: who}


def without_person(conf: Mapping[str, object]) -> dict[str, object]:
    """The params alone."""
    return {name: value for name, value in conf.items() if name != ASKED_BY}


def who_asked(user: str, conf: Mapping[str, object] | None) -> str:
    """Airflow's user, and the person for whom they say they ask, such as `admin for ann`."""
    told = str((conf or {}).get(ASKED_BY) or "")
    person = on_one_line("".join(each if each.isprintable() else " " for each in told), LONGEST)
    return f"{user} for {person}" if person and person != user else user
