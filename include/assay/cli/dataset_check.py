"""`assay dataset check`: are contracts sound, and what would become of a file?"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from assay.contracts.facts import nearest
from assay.contracts.folders import dataset_names
from assay.contracts.load import load_contract
from assay.contracts.pipelines import pipeline_carrying
from assay.errors import AssayError, ContractError, SettingsError
from assay.profile.against import Acceptance, accept_one
from assay.settings import load_settings

if TYPE_CHECKING:
    from assay.operations.try_file import Outcome


def check(
    name: Annotated[str | None, typer.Argument(help="Only this dataset.")] = None,
    against: Annotated[
        Path | None, typer.Option(help="A file: what would become of it? No table is written.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Load contracts and pipelines, and say all that is wrong with them.

    With a file: whether it would be accepted, columns that the contract does not know or the file
    does not have, and the records by class and reason. Exits with 1 when a contract is not sound,
    or the file would be rejected.
    """
    if against is not None and name is None:
        raise typer.BadParameter("--against: name the dataset that the file is of")
    if name is not None and name not in dataset_names():
        raise SettingsError(f"no dataset {name!r}{nearest(name, dataset_names())}")
    faults = [*_faults([name] if name else dataset_names())]
    if faults:
        raise ContractError("\n".join(faults))
    if name is None or against is None:
        sound = [name] if name else dataset_names()
        print(json.dumps({"sound": sound}) if as_json else f"sound: {', '.join(sound)}")
        return
    accepted, outcome = _try(name, against)
    if as_json:
        print(json.dumps(_facts(accepted, outcome), indent=1, default=str))
    else:
        _tell(name, accepted, outcome)
    if accepted.inspection is None:
        raise typer.Exit(1)


def _faults(names: list[str]) -> Iterator[str]:
    """One text for each file that does not load, which holds all of its faults."""
    for name in names:
        try:
            load_contract("bronze", name)
            load_contract("silver", name)
            pipeline_carrying(name)
        except AssayError as error:
            yield str(error)


def _try(name: str, path: Path) -> tuple[Acceptance, Outcome | None]:
    from assay.cli.stack import say
    from assay.operations.try_file import try_file

    accepted = accept_one(path, load_contract("bronze", name))
    found = accepted.inspection
    if found is None or not found.records:
        return accepted, None
    return accepted, try_file(load_settings(), name, path, found, say)


def _facts(accepted: Acceptance, outcome: Outcome | None) -> dict[str, object]:
    found = accepted.inspection
    return {
        "file": str(accepted.path),
        "verdict": "accepted" if found else "rejected",
        "reason": accepted.reason,
        "format": found.format if found else None,
        "records": found.records if found else 0,
        "unknown_columns": accepted.unknown,
        "absent_columns": accepted.absent,
        **(dataclasses.asdict(outcome) if outcome else {}),
    }


def _tell(name: str, accepted: Acceptance, outcome: Outcome | None) -> None:
    console, facts = Console(highlight=False), _facts(accepted, outcome)
    lines = [f"{facts['verdict']}: {facts['reason'] or facts['format']}"]
    if accepted.inspection:
        lines[0] += f", {facts['records']:,} records"
    if accepted.unknown:
        lines.append(f"columns that {name} does not know: {', '.join(accepted.unknown)}")
    if accepted.absent:
        lines.append(f"columns that the file does not have: {', '.join(accepted.absent)}")
    if outcome:
        lines += [f"{number:>9,}  {each}" for each, number in outcome.classes.items()]
        lines += [f"{number:>9,}    {reason}" for reason, number in outcome.reasons.items()]
        lines += [f"{number:>9,}  values of {c} rounded" for c, number in outcome.rounded.items()]
    for line in lines:
        console.print(line, soft_wrap=True, markup=False)
