"""Generated files in landing, for the demo: made once, and delivered whole."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager

from assay.generate.options import SetOptions
from assay.generate.recipes import generated_datasets, recipe_of
from assay.generate.truth import read_truth
from assay.generate.write import Progress, generate
from assay.intake.moves import move_file
from assay.settings import Settings
from assay.words import Say, count

Report = Callable[[str], AbstractContextManager[Progress | None]]


def deliver_samples(
    settings: Settings, dataset: str, options: SetOptions, say: Say, report: Report
) -> None:
    """Put generated files into landing, unless exactly these were delivered before.

    They are made beside landing and renamed into it, and the truth file comes last: it is what
    tells the next call that the delivery was complete.
    """
    truth = options.truth_path
    if truth.is_file() and _same_files(read_truth(truth).options, options):
        return
    files, records = count(options.files, "file"), count(options.rows, "record")
    say(f"generating {files} of {dataset}, {records} each")
    making = settings.home / "truth" / ".making"  # `tmp` may be a volume of its own
    shutil.rmtree(making, ignore_errors=True)
    made = dataclasses.replace(options, out=making / dataset, truth=making / "truth.json")
    with report(f"{dataset} files") as progress:
        generate(dataset, made, progress=progress)
    truth.parent.mkdir(parents=True, exist_ok=True)
    landing = settings.landing / dataset
    for path in sorted(made.out.iterdir()):
        move_file(path, landing / path.name)
    truth.write_text((making / "truth.json").read_text())
    shutil.rmtree(making)


def sample_sets(settings: Settings, **trades: int) -> dict[str, SetOptions]:
    """A set of files for every dataset; that of trades may be given another size."""
    return {
        dataset: recipe_of(dataset).options(
            out=settings.home / "landing" / dataset,
            truth=settings.home / "truth" / f"{dataset}.json",
            damaged=True,
            **(trades if dataset == "trades" else {}),
        )
        for dataset in generated_datasets()
    }


def _same_files(one: SetOptions, other: SetOptions) -> bool:
    """Whether both ask for the same bytes, wherever these are written."""
    return dataclasses.replace(one, out=other.out, truth=other.truth) == other
