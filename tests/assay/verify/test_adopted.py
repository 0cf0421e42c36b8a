"""A lake whose log is ahead of its books is adopted, and then holds."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from assay.cli import lake
from assay.cli.main import app
from assay.errors import BatchError, SettingsError
from assay.maintenance.adoption import Adoption, adopt_lake
from builders.audited import Site, broken


def adopt(
    site: Site, pipeline: str, datasets: tuple[str, ...] = (), renamed_from: str = ""
) -> Adoption:
    with site.database.connect("assay_loader", autocommit=True) as connection:
        return adopt_lake(
            site.settings,
            connection,
            pipeline,
            "ann",
            datasets=datasets,
            renamed_from=renamed_from,
        )


def test_lease_that_is_behind_the_logs_is_raised_above_them(site: Site) -> None:
    ((epoch,),) = site.execute("SELECT max(epoch) FROM ops.release")
    site.execute("UPDATE ops.pipeline_lease SET epoch = 3")
    assert "I9" in broken(site.audit())
    done = adopt(site, "trades")
    assert (done.epoch_before, done.datasets) == (3, ["trades"])
    assert set(done.tables) == {
        "bronze.trades",
        "quarantine.trades",
        "silver.trades",
        "gold.customer_exposure",
        "gold.daily_trade_summary",
    }
    assert done.epoch == max(highest for _, highest in done.tables.values()) < epoch
    assert adopt(site, "trades").epoch == done.epoch, "a repeat finds nothing to raise"
    site.execute(f"UPDATE ops.pipeline_lease SET epoch = {epoch}")  # noqa: S608
    assert broken(site.audit()) == {}


def test_renamed_pipeline_takes_its_books_along(site: Site) -> None:
    done = adopt(site, "deals", renamed_from="trades")
    assert done.took_over > 0
    assert site.execute("SELECT DISTINCT pipeline FROM ops.release") == [("deals",)]
    assert site.execute("SELECT pipeline FROM ops.pipeline_lease") == [("deals",)]
    assert broken(site.audit()) == {}


def test_commits_of_batches_that_the_books_have_lost_are_asked_no_more(site: Site) -> None:
    """As after a backup from before the rebuild: what is left to be found, a rebuild mends."""
    rebuild = "(SELECT batch_id FROM ops.batch WHERE run_id = 'rebuild')"
    for table in ("release", "row_ledger", "quarantine_row", "batch_task", "batch"):
        site.execute(f"DELETE FROM ops.{table} WHERE batch_id = {rebuild}")  # noqa: S608
    found = broken(site.audit())
    assert any("a batch in ops.batch" in told for told in found["I13"])
    adopt(site, "trades")
    assert not {"I6", "I9", "I13"} & broken(site.audit()).keys()


def test_what_cannot_be_adopted_is_refused_with_the_way_out(site: Site) -> None:
    with pytest.raises(SettingsError, match=r"deals: no batch says .* with --dataset"):
        adopt(site, "deals")
    with pytest.raises(SettingsError, match="'nothing': there is no such dataset"):
        adopt(site, "deals", ("nothing",))
    with pytest.raises(SettingsError, match=r"has no table of mutual_funds"):
        adopt(site, "deals", ("mutual_funds",))
    with pytest.raises(SettingsError, match="other: there is no batch of a pipeline"):
        adopt(site, "deals", ("trades",), "other")
    site.execute("UPDATE ops.batch SET state = 'COMMITTED' WHERE run_id = 'rebuild'")
    with pytest.raises(BatchError, match="is COMMITTED, and its plan names trades"):
        adopt(site, "deals", renamed_from="trades")
    site.execute(
        "INSERT INTO ops.batch_task (batch_id, task_id, epoch, try_number, state)"
        " SELECT batch_id, 'commit', 99, 1, 'RUNNING' FROM ops.batch WHERE run_id = 'rebuild'"
    )
    with pytest.raises(BatchError, match=r"its task commit runs; pause the DAG"):
        adopt(site, "trades")


def test_command_tells_what_it_found_and_did(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake, "load_settings", lambda: site.settings)
    monkeypatch.setattr(lake, "dsn", lambda _, role: site.database.uri(role))
    told = CliRunner().invoke(app, ["lake", "adopt", "deals", "--renamed-from", "trades"])
    assert told.exit_code == 0, told.output
    assert "silver.trades: version 3, highest epoch" in told.output
    assert "deals took over " in told.output
    assert "deals: its lease was at epoch 0, and is at" in told.output
