"""What each task of the DAGs reads and writes, what it may fail for, and who acts then.

This is the `doc_md` of every task, and the table that docs/architecture.md opens with.
"""

from __future__ import annotations

from dataclasses import dataclass

from assay.airflow_ui.markdown import table
from assay.settings import REPOSITORY

PAGE = REPOSITORY / "docs" / "architecture.md"
BEGIN = "<!-- `make docs` writes this table from include/assay/airflow_ui/task_docs.py. -->\n"
END = "<!-- The end of the table. -->"
HEADINGS = ("Reads", "Writes", "May fail for", "Who acts")
AIRFLOW = "Airflow, which tries again; a person only when the cause stays"
DELIVERER = "whoever delivers the data, or a person by `batch_actions`"


@dataclass(frozen=True)
class TaskDoc:
    """One task in four sentences, in the order of `HEADINGS`; texts are Markdown."""

    reads: str
    writes: str
    may_fail_for: str
    who_acts: str

    @property
    def cells(self) -> tuple[str, str, str, str]:
        return self.reads, self.writes, self.may_fail_for, self.who_acts


STAGES = {
    "accept_files": TaskDoc(
        "complete files in `landing/<dataset>/`; for a replay or a waiver, open quarantine",
        "`accepted/`, `rejected/`, `plan.json`; `ops.batch`, `ops.batch_slice`",
        "params that contradict each other; a failed batch that holds the files; a committed batch"
        " that cannot be released",
        "a person: other params, or `batch_actions` on the batch that the error names",
    ),
    "accept_releases": TaskDoc(
        "the current releases of silver of its datasets",
        "`plan.json`; `ops.batch`",
        "a dataset that was never released; a committed batch that cannot be released",
        "a person: the pipeline of the dataset that the error names",
    ),
    "ingest_bronze": TaskDoc(
        "the accepted files of the plan, by path",
        "the batch's rows in `bronze.<dataset>`",
        "a file that changed after it was accepted; Spark or the disk",
        AIRFLOW,
    ),
    "validate_bronze": TaskDoc(
        "the batch's rows in bronze, and the counts that `accept_files` made",
        "`ops.validation_result`, a page of verdicts",
        "records that are missing; too many malformed ones",
        DELIVERER,
    ),
    "build_silver": TaskDoc(
        "the batch's bronze, or quarantined records; silver at a pinned version",
        "the change set in the batch's work folder; no table",
        "Spark or the disk; a plan that is out of date",
        AIRFLOW,
    ),
    "validate_silver": TaskDoc(
        "the change set",
        "`ops.validation_result`, a page of verdicts",
        "expectations not met, such as too many records in quarantine",
        f"{DELIVERER}; an override where the data is odd but true",
    ),
    "build_gold": TaskDoc(
        "silver with the change set applied; gold at a pinned version",
        "candidates: the touched groups, in the work folder; no table",
        "Spark or the disk; a plan that is out of date",
        AIRFLOW,
    ),
    "validate_gold": TaskDoc(
        "the candidates; totals of silver and of gold as they will be",
        "`ops.validation_result`, a page of verdicts",
        "keys that are not unique; totals that differ from those of silver",
        "whoever owns the gold table: its `build.py` or its contract is wrong",
    ),
    "stage": TaskDoc(
        "the change set and the candidates",
        "`staging.*` in Postgres",
        "a row that Postgres refuses, named by file and record",
        "whoever owns the contract, or a person by `batch_actions`",
    ),
    "commit": TaskDoc(
        "the change set, the candidates, and the verdicts of all gates",
        "`quarantine.*`, `silver.*`, `gold.*` in the lake",
        "a verdict that is missing; a table that moved since the build; Spark or the disk",
        "Airflow, which tries again; then a person: retry, or `release_rollback`",
    ),
    "publish": TaskDoc(
        "`staging.*`; what the commit reported; the lake's tables at their versions",
        "`serving.*`, `gold.*`, quarantine, row ledger and release, in one transaction",
        "an equation that does not hold; a newer attempt that has taken over",
        "Airflow for an outage; a person when an equation does not hold: `assay verify`",
    ),
    "archive_files": TaskDoc(
        "the released batches in `ops`",
        "`archive/`",
        "a feed that has brought no file for `expect_every_days`; a disk that is full",
        "whoever delivers the feed; what was released stays released",
    ),
}
OTHERS = {
    "stream_bronze": TaskDoc(
        "complete files in `landing/<dataset>/`; topics of Kafka, from where `ops.stream` says",
        "`accepted/`, `rejected/`; `live.*`, `ops.stream`, `ops.stream_slice`, in one transaction",
        "records that Kafka has lost; a newer holder of the stream; Spark, Kafka or the disk",
        "Airflow, which tries again; a person when records are lost: `assay stream skip`",
    ),
    "purge_work": TaskDoc(
        "the ended batches in `ops`",
        "nothing: it removes work folders of batches that ended `work_days` ago",
        "the disk",
        "a person: clear the task",
    ),
    "maintain_tables": TaskDoc(
        "the tables of the lake, and which versions releases and open batches read",
        "the same tables, with the same rows in fewer files",
        "a pipeline that is writing the table for too long; Spark or the disk",
        "nobody at once: the next run does it",
    ),
    "trim_history": TaskDoc(
        "`archive_days`, `history_days` and `receipt_days` of the bronze contracts",
        "nothing: it removes archived files, pages and receipts that are kept no longer",
        "the disk",
        "a person: clear the task",
    ),
    "batch_actions": TaskDoc(
        "the form; the batch in `ops`, and its plan",
        "the state of the batch, `ops.batch_action`; landing or `rejected/`; the note of its run",
        "a batch or a file that does not exist; a batch whose state does not allow the action",
        "whoever filled in the form; nothing was done",
    ),
    "stream_actions": TaskDoc(
        "the form; `ops.stream` and `ops.stream_slice`",
        "whether the DAG of the streams is on; the slice in the books, and its rows in `live.*`",
        "a slice that does not exist; streams that do not end; Airflow or Kafka that is away",
        "whoever filled in the form, by the note of the run",
    ),
    "release_rollback": TaskDoc(
        "the form; releases in `ops`; earlier versions of the lake's tables",
        "the lake by RESTORE, Postgres, `ops.rollback`; landing or the archive",
        "a release or a batch that cannot be gone back to; an interruption",
        "whoever filled in the form: trigger it again with the same fields, to complete it",
    ),
}


def doc_of(dag_id: str, task_id: str) -> str:
    """The `doc_md` of a task; of a DAG with a form, which has one task, under the DAG's name.

    Raises KeyError when nothing is said about the task.
    """
    told = {**STAGES, **OTHERS}
    doc = told[task_id] if task_id in told else told[dag_id]
    return "\n".join(
        f"- **{head}:** {text}" for head, text in zip(HEADINGS, doc.cells, strict=True)
    )


def render_page(page: str) -> str:
    """The page with the table of today. Raises ValueError when it has no place for one."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE.name}: the lines that mark begin and end of the table are missing")
    rows = [(f"`{name}`", *doc.cells) for name, doc in STAGES.items()]
    lines = "\n".join(table(("Task", *HEADINGS), rows))
    return f"{before}{BEGIN}\n{lines}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(render_page(PAGE.read_text()))
