"""When a gate stops a batch, and the other ways in which a run is not like the last one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from assay.airflow_client.runs import RunState
from assay.batch.plan import read_plan
from assay.errors import StackError
from assay.generate.truth import Truth
from builders.content import (
    DELTA_TABLES,
    SILVER,
    commits_of,
    delta_version,
    hash_delta,
    read_delta,
)
from builders.deliveries import cut_short, deliver, make_set, spoil
from builders.running_stack import Batch, RunningStack

pytestmark = [pytest.mark.e2e, pytest.mark.long]


@dataclass(frozen=True)
class Stuck:
    """A batch that a gate has stopped, and what readers saw before it."""

    run: RunState
    batch_id: str
    before: dict[str, object]


def states(run: RunState) -> dict[str, str]:
    return {task.task_id: task.state for task in run.tasks}


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """Further files without a defect: one is spoilt at a time."""
    return make_set(
        tmp_path_factory.mktemp("more"),
        files=4,
        rows=100,
        defects=0,
        duplicates=0,
        updates=0,
        late=0,
        seed=23,
    )


@pytest.fixture(scope="module")
def files(more: Truth) -> list[Path]:
    return [more.options.out / file.name for file in more.files]


@pytest.fixture(scope="module")
def malformed(
    stack: RunningStack,
    second_batch: Batch,
    files: list[Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Stuck:
    """A good file and one whose records are too short by half: the gate after bronze stops it."""
    bad = tmp_path_factory.mktemp("malformed") / "trades_2026-02-01_malformed.csv"
    assert cut_short(files[0], bad, every=2) == 50
    before = stack.everything()
    deliver(stack.landing(), [bad, files[1]])
    run = stack.run()
    return Stuck(run, stack.batch_of(run.run_id)[0], before)


@pytest.fixture(scope="module")
def unknown(
    stack: RunningStack,
    malformed: Stuck,
    files: list[Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Stuck:
    """A file with every fourth currency unknown: the gate before silver stops it."""
    bad = tmp_path_factory.mktemp("unknown") / "trades_2026-02-02_unknown.csv"
    assert spoil(files[2], bad, every=4) == 25
    before = stack.everything()
    deliver(stack.landing(), [bad])
    run = stack.run()
    return Stuck(run, stack.batch_of(run.run_id)[0], before)


def test_a_failed_gate_names_the_failing_records_and_is_not_retried(
    stack: RunningStack, malformed: Stuck
) -> None:
    assert malformed.run.state == "failed"
    assert states(malformed.run)["validate_bronze"] == "failed"
    assert states(malformed.run)["build_silver"] == "upstream_failed"
    gate = next(task for task in malformed.run.tasks if task.task_id == "validate_bronze")
    assert gate.try_number == 1
    log = "\n".join(stack.runs.log_lines(malformed.run.run_id, gate))
    assert "few records are malformed" in log
    assert "expect_column_values_to_be_null" in log
    assert "column malformed_record, observed 25" in log
    assert re.search(r"^  failing, 10 of \d+:$", log, re.MULTILINE)
    shown = re.findall(r"^    'trades_2026-02-01_malformed.csv' record (\d+): ", log, re.MULTILINE)
    assert len(shown) == 10
    assert all(int(number) % 2 == 0 for number in shown)
    assert [*map(int, shown)] == sorted(map(int, shown))
    assert "Traceback" not in log
    assert log.splitlines()[-1].startswith("1 expectation not met: bronze.trades: few records")
    assert stack.batch_of(malformed.run.run_id)[1] == "FAILED"
    assert stack.everything() == malformed.before
    first = stack.note(malformed.run.run_id).splitlines()[0]
    assert first.startswith("FAILED: validate_bronze: 1 expectation not met: bronze.trades: few")
    assert "Next: retry, reject-file or abandon" in first


def test_a_gate_before_silver_keeps_the_bad_rows_and_moves_nothing(
    stack: RunningStack, unknown: Stuck
) -> None:
    assert states(unknown.run)["validate_silver"] == "failed"
    assert {states(unknown.run)[t] for t in ("commit", "publish")} == {"upstream_failed"}
    gate = next(task for task in unknown.run.tasks if task.task_id == "validate_silver")
    assert gate.try_number == 1
    log = "\n".join(stack.runs.log_lines(unknown.run.run_id, gate))
    assert "at most a tenth of the records is quarantined" in log
    assert "column quarantined_for" in log
    located = re.findall(r"^    'trades_2026-02-02_unknown.csv' record \d+: .*$", log, re.MULTILINE)
    assert len(located) == 10
    assert all("from_currency.unknown" in line for line in located)
    assert stack.everything() == unknown.before
    kept = stack.settings.batches / unknown.batch_id / "silver"
    (change_set,) = kept.glob("*/trades")
    bad = pq.read_table(change_set / "class=quarantined")
    assert bad.num_rows == 25
    assert set(map(tuple, bad["reasons"].to_pylist())) == {("from_currency.unknown",)}
    assert None not in bad["raw"].to_pylist()


def test_a_gate_that_is_marked_as_success_opens_nothing(
    stack: RunningStack, unknown: Stuck
) -> None:
    before = stack.everything()
    path = f"/api/v2/dags/trades/dagRuns/{unknown.run.run_id}/taskInstances/validate_silver"
    stack.runs._call("PATCH", path, json={"new_state": "success"})
    stack.runs.clear(unknown.run.run_id, "build_gold")
    run = stack.wait(unknown.run.run_id)
    (commit,) = [task for task in run.tasks if task.state == "failed"]
    assert (commit.task_id, commit.try_number) == ("commit", 1)
    last = stack.log_of_failed(run)[-1]
    assert "at most a tenth of the records is quarantined' was not met" in last
    assert "clear validate_silver" in last
    assert stack.batch_of(unknown.run.run_id)[1] == "FAILED"
    assert stack.everything() == before


def test_a_batch_goes_on_without_a_rejected_file_and_past_a_failed_batch(
    stack: RunningStack, malformed: Stuck, unknown: Stuck, files: list[Path]
) -> None:
    plan = read_plan(stack.settings.batches / malformed.batch_id / "plan.json")
    (bad,) = [f.slice_id for f in plan.slices if f.source_file.endswith("malformed.csv")]
    rejected = stack.assay("batch", "reject-file", malformed.batch_id, bad, "--why", "cut short")
    assert rejected.returncode == 0, rejected.stderr
    retried = stack.assay("batch", "retry", malformed.batch_id)
    assert retried.returncode == 0, retried.stderr
    run = stack.succeed(stack.wait(malformed.run.run_id))
    assert stack.batch_of(run.run_id)[1] == "PUBLISHED"
    ((records, new),) = stack.query(
        "SELECT sum(records)::int, sum(new)::int FROM ops.row_ledger WHERE batch_id = %s",
        [malformed.batch_id],
    )
    assert (records, new) == (100, 100)
    served = stack.query(
        "SELECT DISTINCT source_file FROM serving.trade_event WHERE batch_id = %s",
        [malformed.batch_id],
    )
    assert served == [(files[1].name,)]
    assert stack.batch_of(unknown.run.run_id)[1] == "FAILED"
    again = stack.assay("batch", "retry", malformed.batch_id)
    assert again.returncode == 1
    assert "nothing to retry" in again.stderr


def test_an_abandoned_batch_gives_its_files_back_and_cannot_go_on(
    stack: RunningStack, unknown: Stuck
) -> None:
    actions = stack.of("batch_actions")  # is not paused, and has no schedule
    asked = {"action": "abandon", "reason": "the sender is asked"}
    wrong = actions.run(**asked, batch="trades_of_nobody")
    assert wrong.state == "failed"
    assert "Traceback" not in "\n".join(actions.log_of_failed(wrong))
    told = actions.note(wrong.run_id).splitlines()[0]
    assert told.startswith("FAILED: 'trades_of_nobody' is no batch; open: ")
    assert f"{unknown.batch_id} (FAILED" in told
    done = actions.succeed(actions.run(**asked, batch=unknown.batch_id))
    assert f"{unknown.batch_id}: abandoned; 1 file is pending again" in actions.note(done.run_id)
    note = stack.note(unknown.run.run_id)
    assert note.startswith("ABANDONED by admin: the sender is asked. Its files are pending again")
    assert stack.query(
        "SELECT who, action FROM ops.batch_action WHERE why = %s", [asked["reason"]]
    ) == [("admin", "abandon")]
    assert stack.pending() == ["trades_2026-02-02_unknown.csv"]
    assert stack.batch_of(unknown.run.run_id)[1] == "ABANDONED"
    before = stack.everything()
    stack.runs.clear(unknown.run.run_id, "validate_bronze")
    run = stack.wait(unknown.run.run_id)
    assert run.state == "failed"
    assert "is ABANDONED; trigger a new run" in "\n".join(stack.log_of_failed(run))
    assert stack.batch_of(unknown.run.run_id)[1] == "ABANDONED"
    assert stack.everything() == before
    assert stack.pending() == ["trades_2026-02-02_unknown.csv"]


@pytest.mark.parametrize(
    ("conf", "named"),
    [
        ({"gate_polici": "strict"}, "gate_polici"),
        ({"gate_policy": "override"}, "override_reason"),
        ({"gate_policy": "lenient"}, "gate_policy"),
        ({"landing_glob": "../*"}, "landing_glob"),
        ({"batch_date": "2026-02-30"}, "batch_date"),
        ({"dry_run": "yes"}, "dry_run"),
    ],
)
def test_a_param_that_cannot_be_used_is_refused_by_its_name(
    stack: RunningStack, first_batch: Batch, conf: dict[str, str], named: str
) -> None:
    assert named in refusal(stack, conf)


def refusal(stack: RunningStack, conf: dict[str, str]) -> str:
    """What the trigger, or else the first task, says, and the run's note; no batch must remain."""
    try:
        run_id = stack.trigger(**conf)
    except StackError as refused:
        return str(refused)
    run = stack.wait(run_id)
    (accept,) = [task for task in run.tasks if task.state == "failed"]
    assert (accept.task_id, accept.try_number) == ("accept_files", 1)
    assert stack.query("SELECT 1 FROM ops.batch WHERE run_id = %s", [run_id]) == []
    log = "\n".join(stack.log_of_failed(run))
    assert "Traceback" not in log
    assert log.splitlines()[-1].startswith("the run is refused: ")
    assert stack.note(run_id).startswith("FAILED: the run is refused: ")
    return log


def test_a_dry_run_takes_nothing_and_says_what_would_change(
    stack: RunningStack, unknown: Stuck, files: list[Path]
) -> None:
    deliver(stack.landing(), [files[3]])
    pending = stack.pending()
    before = stack.everything()
    lease = stack.query("SELECT epoch, holder FROM ops.pipeline_lease")
    bronze = delta_version(stack.settings.lake, "bronze.trades")
    run = stack.succeed(stack.run(dry_run=True, landing_glob=files[3].name))
    batch_id, state = stack.batch_of(run.run_id)
    assert state == "DRY_RUN"
    assert stack.pending() == pending
    assert stack.everything() == before
    assert stack.query("SELECT epoch, holder FROM ops.pipeline_lease") == lease
    assert delta_version(stack.settings.lake, "bronze.trades") == bronze
    rows_of = {
        table: stack.query(
            f"SELECT count(*) FROM ops.{table} WHERE batch_id = %s",  # noqa: S608
            [batch_id],
        )
        for table in ("batch_slice", "batch_task", "row_ledger", "release", "validation_result")
    }
    assert rows_of.pop("validation_result")[0][0] >= 14
    assert set(map(str, rows_of.values())) == {"[(0,)]"}
    ((summary,),) = stack.query("SELECT summary FROM ops.batch WHERE batch_id = %s", [batch_id])
    assert "100 new" in summary["would_change"]
    assert "100 new" in stack.note(run.run_id)


def test_an_override_with_a_reason_passes_and_a_killed_commit_is_retried(
    stack: RunningStack, unknown: Stuck
) -> None:
    """The job of commit is killed when silver has been written and gold has not."""
    lake = stack.settings.lake
    silver = delta_version(lake, "silver.trades")
    run_id = stack.trigger(
        gate_policy="override", override_reason="the sender has said so", landing_glob="*unknown*"
    )
    stack.kill_job(run_id, "commit", lambda: delta_version(lake, "silver.trades") > silver)
    batch_id, state = stack.batch_of(run_id)
    assert state == "COMMITTING"
    assert commits_of(lake, "silver.trades", batch_id) == 1
    assert commits_of(lake, "gold.customer_exposure", batch_id) == 0
    stack.runs.clear(run_id, "commit")
    run = stack.succeed(stack.wait(run_id))
    assert stack.batch_of(run_id) == (batch_id, "PUBLISHED")
    assert commits_of(lake, "silver.trades", batch_id) == 1
    assert commits_of(lake, "gold.customer_exposure", batch_id) == 1
    overridden = stack.query(
        "SELECT expectation, overridden_by, override_reason FROM ops.validation_result"
        " WHERE batch_id = %s AND overridden",
        [batch_id],
    )
    assert overridden == [
        ("at most a tenth of the records is quarantined", "admin", "the sender has said so")
    ]
    ((new, quarantined),) = stack.query(
        "SELECT sum(new)::int, sum(quarantined)::int FROM ops.row_ledger WHERE batch_id = %s",
        [batch_id],
    )
    assert (new, quarantined) == (75, 25)
    assert run.run_id == run_id


def test_a_full_rebuild_equals_the_live_tables(stack: RunningStack, second_batch: Batch) -> None:
    for file in stack.landing().iterdir():
        file.unlink()
    before = stack.everything()
    quarantined = read_delta(stack.settings.lake, "quarantine.trades").num_rows
    run = stack.succeed(stack.run(full_rebuild=True))
    batch_id, state = stack.batch_of(run.run_id)
    assert state == "PUBLISHED"
    after = stack.everything()
    for name in ("silver", "serving", *(n for n in before if n.startswith("postgres"))):
        assert after[name] == before[name], name
    assert hash_delta(stack.settings.lake, SILVER) == before["silver"]
    generations = stack.query("SELECT DISTINCT generation FROM ops.batch WHERE source = 'files'")
    ((generation, records, new, bad),) = stack.query(
        "SELECT min(generation), sum(records)::int, sum(new)::int, sum(quarantined)::int"
        " FROM ops.row_ledger WHERE batch_id = %s",
        [batch_id],
    )
    assert generation > max(generations)[0]
    assert new == read_delta(stack.settings.lake, SILVER.table).num_rows
    assert bad == quarantined
    assert records > new


def test_keeping_house_moves_nothing_that_readers_see(
    stack: RunningStack, second_batch: Batch
) -> None:
    before = stack.everything()
    house = stack.of("lakehouse_maintenance")
    house.runs.unpause()  # which starts nothing
    run = house.succeed(house.run())
    assert house.run_ids() == [run.run_id]
    first = house.note(run.run_id).splitlines()[0]
    for done in ("work folders: ", "tables kept, ", "archive: ", "history: "):
        assert done in first
    after = stack.everything()
    moved = {name for name in before if after[name] != before[name]}
    assert moved <= {*DELTA_TABLES}  # small files may have been put together
    summaries = [line for task in run.tasks for line in house.runs.log_lines(run.run_id, task)]
    assert any("silver.trades" in line for line in summaries)


def test_after_all_of_this_the_auditor_finds_every_promise_kept(stack: RunningStack) -> None:
    audited = stack.assay("verify")
    assert audited.returncode == 0, audited.stdout
