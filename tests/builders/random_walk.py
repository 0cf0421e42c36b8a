"""A pipeline that everything happens to, at random: in one process, and audited after each step.

The gates are counted here by the share of quarantined records, which takes no second; all else
(Spark, Delta, Postgres, files, the books) is real. An interruption is a SIGINT at a failpoint.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from random import Random
from typing import Any

from assay import ledger
from assay.batch.gates import contracts_at, decide, require_pass, subjects
from assay.batch.plan import Plan, read_plan
from assay.batch.results import latest_result, write_result
from assay.batch.verdicts import Verdict
from assay.errors import AssayError, BatchError
from assay.intake.archive import accepted_files_in_place, archive_files
from assay.intake.cut_off_commit import settle_commit
from assay.ledger.releases import standing_releases
from assay.ledger.rollbacks import open_rollback
from assay.operations.abandon import abandon_batch
from assay.operations.reject_file import reject_file
from assay.operations.rollback import Request, roll_back
from assay.publish import stage_batch, waive_rows
from assay.publish.readiness import prepare_stage
from builders.attempts import Attempts
from builders.deliveries import age
from spark_jobs.chain import STAGES

CHAIN = (
    "ingest_bronze",
    "validate_bronze",
    "build_silver",
    "validate_silver",
    "build_gold",
    "validate_gold",
    "stage",
    "commit",
)
OPEN = ("RUNNING", "FAILED", "COMMITTING", "COMMITTED")
TENTH = "at most a tenth of the records is quarantined"
POINTS = (
    "before staging mutual_funds",
    "after staging",
    "before quarantine.mutual_funds",
    "after quarantine.mutual_funds",
    "before silver.mutual_funds",
    "after silver.mutual_funds",
    "before the release",
    "before COMMIT",
    "before restoring",
    "after restoring",
    "before COMMIT of a rollback",
    "after the release of a rollback",
)
ODD = (
    {"fund_id": "9223372036854775807"},
    {"fund_id": "8", "timestamp": "9999-12-31T23:59:59"},
    {"fund_id": "8", "name": "n" * 9000},
    {"fund_id": "8", "timestamp": "0001-01-01T00:00:00+14:00"},
    {"fund_id": "8", "holdings": "1000000000001"},
    {"fund_id": "8\u001f"},
)
PLAIN = {"name": "a fund", "company_id": "1", "holdings": "10"}


class Walk:
    """The actions, and where they have led. Every step is told as the line that repeats it."""

    def __init__(self, attempts: Attempts) -> None:
        self.attempts = attempts
        self.told: list[str] = []
        self.files = 0
        self.runs = 0

    def step(self, action: str, *given: Any) -> None:
        """Do one thing, and audit what came of it."""
        self.told.append(f"    walk.{action}({', '.join(map(repr, given))})")
        with _forgetting_failpoints():
            getattr(self, action)(*given)
        found = self.attempts.violations()
        assert found == [], self.story(found)

    def story(self, found: object) -> str:
        lines = "\n".join(["def test_this_walk(walk: Walk) -> None:", *self.told])
        return f"\n{lines}\n\nthen: {found}"

    def random_step(self, random: Random) -> None:
        """One of the actions, the frequent ones more often."""
        choices: list[tuple[int, Callable[[], tuple[Any, ...]]]] = [
            (6, lambda: ("deliver", random.randrange(4), random.randrange(1, 6))),
            (8, lambda: ("run", random.choice(("", "", *POINTS)))),
            (2, lambda: ("mark_success",)),
            (2, lambda: ("clear_alone", random.choice(CHAIN))),
            (3, lambda: ("retry", random.choice(("", *POINTS)))),
            (2, lambda: ("abandon",)),
            (1, lambda: ("reject",)),
            (2, lambda: ("move_rows", random.choice(("quarantine", "waive")))),
            (1, lambda: ("rebuild",)),
            (3, lambda: ("undo", random.randrange(3), random.choice(("", *POINTS)))),
        ]
        weights = [weight for weight, _ in choices]
        ((_, chosen),) = random.choices(choices, weights)
        self.step(*chosen())

    # what people and senders do

    def deliver(self, kind: int, number: int) -> None:
        """A file of good records (0), of mostly bad ones (1), with an odd one (2), a copy (3)."""
        landing = self.attempts.settings.landing / self.attempts.pipeline
        landing.mkdir(parents=True, exist_ok=True)
        self.files += kind != 3 or not self.files
        day = f"2026-01-{self.files % 27 + 1:02}"
        good = {"fund_id": str(number), "timestamp": f"{day}T10:00:00", "holdings": str(self.files)}
        records: list[dict[str, str]] = [{**PLAIN, **good}]
        if kind == 1:
            records += [{**PLAIN, "fund_id": "x", "timestamp": day}]
        if kind == 2:
            odd = {**PLAIN, "timestamp": f"{day}T11:00:00", **ODD[number % len(ODD)]}
            filler = [{**PLAIN, **good, "fund_id": str(100 + n)} for n in range(10)]
            records += [*filler, odd]
        path = landing / f"f{self.files}_{'again' if kind == 3 else number}_{day}.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        age(path)

    def run(self, failpoint: str = "", **params: Any) -> None:
        """A run of the DAG: it finishes what is committed, takes files, and goes on to its end."""
        self.runs += 1
        with _armed(failpoint):
            if self._ends_well(self.attempts.publish):
                plans: list[Plan] = []
                name = f"run {self.runs}"
                if self._ends_well(lambda: plans.append(self.attempts.accept(name, **params))):
                    self._go_on(plans[0], CHAIN)

    def mark_success(self) -> None:
        """A failed gate is marked as success, so that Airflow goes on with what is after it."""
        for batch in self._in_state("FAILED")[-1:]:
            self._go_on(self._plan(batch), ("stage", "commit"))

    def clear_alone(self, stage: str) -> None:
        """One task of the newest batch is cleared alone, then the commit."""
        for batch in self._in_state("FAILED", "COMMITTED", "PUBLISHED")[-1:]:
            self._go_on(self._plan(batch), (stage,) if stage == "commit" else (stage, "commit"))

    def retry(self, failpoint: str = "") -> None:
        """What `assay batch retry` makes Airflow do."""
        with _armed(failpoint):
            for batch in self._in_state(*OPEN)[-1:]:
                state = self._state(batch)
                first = {"COMMITTING": "commit", "COMMITTED": ""}.get(state, "ingest_bronze")
                chain = CHAIN[CHAIN.index(first) :] if first else ()
                self._go_on(self._plan(batch), chain)

    def abandon(self) -> None:
        for batch in self._in_state(*OPEN)[-1:]:
            with self.attempts.connect() as connection:
                given = (self.attempts.settings, connection, batch, "ann", "to see")
                self._ends_well(partial(abandon_batch, *given))

    def reject(self) -> None:
        """The first file of the newest batch that failed."""
        for batch in self._in_state("FAILED")[-1:]:
            files = self._plan(batch).slices
            with self.attempts.connect() as connection:
                for file in files[:1]:
                    given = (self.attempts.settings, connection, batch, file.slice_id, "odd")
                    self._ends_well(partial(reject_file, *given))

    def move_rows(self, source: str) -> None:
        reason = {"movement_reason": "looked at"} if source == "waive" else {}
        self.run("", source=source, **reason)

    def rebuild(self) -> None:
        self.run("", full_rebuild=True)

    def undo(self, back: int, failpoint: str = "") -> None:
        """Go back by some releases; or, with 0, undo what is committed and not released."""
        with self.attempts.connect() as connection:
            releases = standing_releases(connection, self.attempts.pipeline)
        stuck = self._in_state("COMMITTING", "COMMITTED")
        with _armed(failpoint):
            if not back and stuck:
                self._roll_back(Request(None, stuck[-1], "ann", "stuck", gives_back=True))
            elif len(releases) > back > 0:
                target = releases[-1 - back].release_id
                self._roll_back(Request(target, None, "ann", "wrong", gives_back=bool(back % 2)))

    # the way back, by what the documents say

    def recover(self) -> None:
        """From wherever the walk has led: every batch to its end, by documented commands."""
        with self.attempts.connect() as connection:
            cut_off = open_rollback(connection, self.attempts.pipeline)
        if cut_off:
            batch = None if cut_off.to_release else cut_off.batches[0]
            self._roll_back(Request(cut_off.to_release, batch, "ann", "complete it"))
        for batch in self._in_state("COMMITTING", "COMMITTED"):
            self.retry()
            if self._state(batch) in ("COMMITTING", "COMMITTED"):
                self._roll_back(Request(None, batch, "ann", "no other way"))
        while self._in_state(*OPEN):
            before = self._in_state(*OPEN)
            self.retry()
            if self._in_state(*OPEN) == before:
                self.abandon()
        assert self._in_state(*OPEN) == []

    # how a run goes on, as the operators have it

    def _go_on(self, plan: Plan, chain: tuple[str, ...]) -> None:
        for stage in chain:
            if plan.needs(stage) and not self._ends_well(
                lambda s=stage: self._stage(plan, s), plan, stage
            ):
                return
        if plan.gives_up_rows:
            epoch, uri = self.attempts.take_epoch(), self.attempts.uri
            waived = partial(waive_rows, self.attempts.connect, uri, plan, epoch)
            if not self._ends_well(waived, plan, "publish"):
                return
        if self._ends_well(self.attempts.publish, plan, "publish"):
            with self.attempts.connect() as connection:
                archive_files(self.attempts.settings, connection, plan)

    def _stage(self, plan: Plan, stage: str) -> None:
        attempts = self.attempts
        with attempts.connect() as connection:
            if ledger.is_built_upon(connection, plan.batch_id):
                return
            prepare_stage(connection, plan, stage)
            state = "COMMITTING" if stage == "commit" else "RUNNING"
            ledger.resume_batch(connection, plan.batch_id, state)
        epoch = attempts.take_epoch()
        if stage == "stage":
            stage_batch(attempts.connect, attempts.uri, plan, epoch)
        elif stage.startswith("validate_"):
            self._judge(plan, stage.removeprefix("validate_"), epoch)
        else:
            with self._files_of(plan, stage):
                result = STAGES[stage](attempts.spark, plan, epoch).as_facts()
            write_result(plan.folder, stage, epoch, result)
        if stage == "commit":
            attempts.record_commit(plan, epoch)

    def _files_of(self, plan: Plan, stage: str) -> AbstractContextManager[None]:
        """A batch that is released has its files in the archive; to be ingested, they come back."""
        if stage == "ingest_bronze":
            return accepted_files_in_place(self.attempts.connect, plan)
        return nullcontext()

    def _judge(self, plan: Plan, layer: str, epoch: int) -> None:
        judged = subjects(plan, layer)
        verdicts = [
            Verdict.on(
                contract,
                expectation,
                success=expectation.name != TENTH or _quarantined_share(plan) <= 0.1,
                subject=judged[contract.table],
            )
            for contract in contracts_at(plan, layer)
            for expectation in contract.expectations
        ]
        verdicts = decide(contracts_at(plan, layer), verdicts, plan.gate_policy)
        with self.attempts.connect() as connection:
            ledger.record_validation(connection, plan.batch_id, epoch, layer, verdicts)
        require_pass(verdicts)

    def _roll_back(self, request: Request) -> None:
        attempts = self.attempts
        epoch = attempts.take_epoch()
        self._ends_well(
            lambda: roll_back(
                attempts.settings,
                attempts.connect,
                attempts.uri,
                attempts.pipeline,
                request,
                epoch,
            )
        )

    def _ends_well(
        self, act: Callable[[], object], plan: Plan | None = None, task: str = ""
    ) -> bool:
        """Whether an act came to its end; one of a batch that did not is kept as operators do."""
        try:
            act()
        except (AssayError, KeyboardInterrupt) as error:
            os.environ.pop("ASSAY_FAILPOINT", None)
            print(f"{task or 'an act'}: {type(error).__name__}: {error}")
            if plan is not None:
                with self.attempts.connect() as connection:
                    epoch = self.attempts.take_epoch()
                    if task == "commit":
                        settle_commit(connection, plan, epoch)
                    ledger.fail_batch(connection, plan.batch_id, f"{task}: {error}", epoch=epoch)
            return False
        return True

    def _in_state(self, *states: str) -> list[str]:
        with self.attempts.connect() as connection:
            return ledger.batches_in_state(connection, self.attempts.pipeline, states)

    def _state(self, batch: str) -> str:
        with self.attempts.connect() as connection:
            return ledger.batch_state(connection, batch) or ""

    def _plan(self, batch: str) -> Plan:
        path = self.attempts.settings.batches / batch / "plan.json"
        if not path.is_file():
            raise BatchError(f"{batch}: has no plan")
        return read_plan(path)


def _quarantined_share(plan: Plan) -> float:
    built = latest_result(plan.folder, "build_silver")["datasets"].values()
    counts = [file for dataset in built for file in dataset["classes"].values()]
    records = sum(file["records"] for file in counts)
    return sum(file["quarantined"] for file in counts) / records if records else 0.0


@contextmanager
def _armed(failpoint: str) -> Iterator[None]:
    if failpoint:
        os.environ["ASSAY_FAILPOINT"] = f"{failpoint}:interrupt"
        os.environ["ASSAY_FAILPOINTS_ALLOWED"] = "1"
    yield


@contextmanager
def _forgetting_failpoints() -> Iterator[None]:
    try:
        yield
    finally:
        os.environ.pop("ASSAY_FAILPOINT", None)
