"""Where a proposed dataset is written: its own file, its entry in a pipeline, its samples."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay.contracts.facts import nearest
from assay.contracts.folders import FILES, contract_names, contract_roots, dataset_names
from assay.contracts.load import read_contract
from assay.contracts.pipelines import pipelines_files, read_pipelines
from assay.contracts.yaml_file import open_yaml
from assay.errors import SampleError
from assay.profile.proposal import Proposal
from assay.profile.render import render, scalar
from assay.settings import PIPELINES, SQL, outside_contracts
from assay.storage.files import write_whole

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
MOST_SAMPLE_BYTES = 1 << 20
NEW_PIPELINES = (
    "# Pipelines of the datasets of this folder; include/pipelines.yaml says what a key is.\n"
)


def require_free(name: str, pipeline: str | None) -> None:
    """Raise SampleError unless a dataset of this name can be made, in this pipeline."""
    if not NAME.fullmatch(name):
        raise SampleError(
            f"{name!r} is no name: a small letter, then small letters, digits and _, 40 at most"
        )
    if name in dataset_names():
        raise SampleError(f"there is a dataset {name} already; `assay dataset show {name}`")
    if name in {*_served(), *contract_names("gold")}:
        raise SampleError(f"Postgres has a table or view of the name {name} already; take another")
    known = _pipelines(_pipelines_file())
    if pipeline is None and name in _all_pipelines():
        raise SampleError(f"there is a pipeline {name} already; say --pipeline {name}")
    if pipeline is not None and pipeline not in known and pipeline in _all_pipelines():
        raise SampleError(
            f"--pipeline {pipeline}: is in {PIPELINES}, and {name} would be outside of the"
            " repository; leave ASSAY_DATASETS empty, or name another pipeline"
        )
    if pipeline is not None and known.get(pipeline, {}).get("trigger") == "releases":
        raise SampleError(f"--pipeline {pipeline}: takes releases, not files")
    if pipeline is not None and not NAME.fullmatch(pipeline):
        raise SampleError(f"--pipeline {pipeline!r}: is no name{nearest(pipeline, known)}")


def _served() -> set[str]:
    """Names of tables and views of the namespaces that are served, as the migrations make them."""
    text = "".join(path.read_text() for path in (SQL / "ddl").glob("*.sql"))
    made = re.findall(r"CREATE (?:OR REPLACE )?(?:TABLE|VIEW) (?:serving|gold)\.(\w+)", text)
    return {*made}


def _pipelines_file() -> Path:
    outside = outside_contracts()
    return outside / PIPELINES.name if outside else PIPELINES


def _pipelines(path: Path) -> dict[str, Any]:
    return dict(open_yaml(path).facts) if path.is_file() else {}


def _all_pipelines() -> set[str]:
    return {name for path in pipelines_files() for name in _pipelines(path)}


def write_dataset(
    proposal: Proposal, pipeline: str, schedule: str, samples: Sequence[Path]
) -> list[Path]:
    """Write contract, entry and samples; returns the files. Nothing is written unless all is sound.

    Raises ContractError when the contract would not load, SampleError when a file is too large for
    a sample.
    """
    for path in samples:
        if path.stat().st_size > MOST_SAMPLE_BYTES:
            raise SampleError(
                f"{path}: --samples keeps files of up to {MOST_SAMPLE_BYTES:,} bytes; cut one out"
            )
    text = render(proposal)
    entry = with_entry(proposal, pipeline, schedule)
    _require_sound(proposal.name, text, entry)
    contract = contract_roots("silver")[-1] / proposal.name / FILES["silver"]
    if contract.exists():
        raise SampleError(f"{contract}: is there already, and is not overwritten")
    write_whole(contract, text)
    write_whole(_pipelines_file(), entry)
    return [contract, _pipelines_file(), *_keep_samples(contract.with_name("samples"), samples)]


def _keep_samples(folder: Path, samples: Sequence[Path]) -> list[Path]:
    kept = []
    for path in samples:
        folder.mkdir(parents=True, exist_ok=True)
        kept.append(Path(shutil.copyfile(path, folder / path.name)))
    return kept


def with_entry(proposal: Proposal, pipeline: str, schedule: str) -> str:
    """The file of pipelines with the dataset in one; all else of it, comments too, stays."""
    path = _pipelines_file()
    text = path.read_text() if path.is_file() else NEW_PIPELINES
    if pipeline in _pipelines(path):
        return _joined(text, pipeline, proposal.name, path)
    lines = [
        f"{pipeline}:",
        "  trigger: files",
        f"  datasets: [{proposal.name}]",
        f'  schedule: "{schedule}"',
        f"  owner: {scalar(proposal.owner)}",
    ]
    return text.rstrip("\n") + "\n" + "\n".join(lines) + "\n"


def _joined(text: str, pipeline: str, dataset: str, path: Path) -> str:
    block = rf"(^{re.escape(pipeline)}:\n(?:[ #].*\n|\n)*?\s+datasets: \[[^\]\n]*)\]"
    found, times = re.subn(block, rf"\1, {dataset}]", text, count=1, flags=re.MULTILINE)
    if not times:
        raise SampleError(f"{path}: add {dataset} to the datasets of {pipeline} by hand")
    return found


def _require_sound(name: str, contract: str, entry: str) -> None:
    """Raise ContractError, with every fault, unless both files load."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name, FILES["silver"])
        write_whole(path, contract)
        read_contract("bronze", path)
        read_contract("silver", path)
        pipelines = Path(folder, PIPELINES.name)
        write_whole(pipelines, entry)
        others = [PIPELINES] if outside_contracts() else []
        read_pipelines([*others, pipelines], [*dataset_names(), name])
