"""The generated files, read again by Python's own csv and judged by rules written here anew."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import hashlib
import io
import json
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from assay.cli.generate import app
from assay.contract import Column, load_contract
from assay.errors import SettingsError
from assay.generate.defects import DEFECTS
from assay.generate.options import TradeOptions
from assay.generate.trades import generate_trades
from assay.generate.truth import CONTENT_HASH_SQL, Truth, content_hash, read_truth
from assay.settings import REPOSITORY

HEADERS = [column.header for column in load_contract("bronze", "trades").columns]
SILVER = load_contract("silver", "trades").columns
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SAMPLES = REPOSITORY / "samples"


@dataclasses.dataclass(frozen=True)
class Good:
    key: tuple[str, str]
    updated_us: int
    row_hash: str
    from_cost: Decimal
    to_cost: Decimal


def small(out: Path, **changes: Any) -> TradeOptions:
    facts = {"files": 6, "rows": 500, "customers": 50, "defects": 0.1, "updates": 0.1, "late": 0.1}
    return TradeOptions(out=out, **{**facts, "duplicates": 0.05, **changes})


def text_of(path: Path) -> str:
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode()


def read_records(path: Path) -> list[list[str]]:
    header, *records = csv.reader(io.StringIO(text_of(path), newline=""), strict=True)
    assert header == HEADERS
    return records


def judge_value(column: Column, text: str) -> tuple[str | None, str | None]:
    """(reason, None) of a bad value; (None, text for the row hash) of a good one."""
    value = text.strip(" ")
    value = value.upper() if column.standardise == "upper" else value
    if not value:
        return (None, "\x1e") if column.nullable else (f"{column.name}.missing", None)
    if column.is_decimal:
        if not re.fullmatch(rf"-?\d+(\.\d{{1,{column.scale}}})?", value):
            return f"{column.name}.unparseable", None
        number = Decimal(value)
        if not Decimal(column.minimum or 0) <= number <= Decimal(column.maximum or 0):
            return f"{column.name}.out_of_range", None
        return None, f"{number:.{column.scale}f}"
    if column.type == "timestamp":
        try:
            moment = datetime.fromisoformat(value).replace(tzinfo=UTC)
        except ValueError:
            return f"{column.name}.unparseable", None
        return None, str((moment - EPOCH) // timedelta(microseconds=1))
    if column.allowed and value not in column.allowed:
        return f"{column.name}.unknown", None
    return None, value


def judge(record: list[str]) -> Good | tuple[str, ...]:
    if len(record) != len(HEADERS):
        return ("record.malformed",)
    if record == HEADERS:
        return ("record.repeated_header",)
    judged = [judge_value(column, text) for column, text in zip(SILVER, record, strict=True)]
    reasons = tuple(reason for reason, _ in judged if reason)
    if reasons:
        return reasons
    values = [value or "" for _, value in judged]
    named = dict(zip((column.name for column in SILVER), values, strict=True))
    return Good(
        key=(named["trade_id"], named["customer_id"]),
        updated_us=int(named["updated_on"]),
        row_hash=hashlib.sha256("\x1f".join(values).encode()).hexdigest(),
        from_cost=Decimal(named["from_cost"]),
        to_cost=Decimal(named["to_cost"]),
    )


def classify(good: list[Good]) -> tuple[Counter[str], list[Good]]:
    by_key: dict[tuple[str, str], list[Good]] = defaultdict(list)
    for record in good:
        by_key[record.key].append(record)
    classes: Counter[str] = Counter()
    winners = []
    for versions in by_key.values():
        versions.sort(key=lambda record: (record.updated_us, record.row_hash), reverse=True)
        winners.append(versions[0])
        seen: set[str] = set()
        for place, version in enumerate(versions):
            copy = version.row_hash in seen
            classes["new" if place == 0 else "duplicate" if copy else "superseded"] += 1
            seen.add(version.row_hash)
    return classes, winners


def sums(records: list[Good]) -> dict[str, str]:
    return {
        "from_cost": str(sum(record.from_cost for record in records)),
        "to_cost": str(sum(record.to_cost for record in records)),
    }


def assert_true(truth: Truth, folder: Path) -> None:
    """The truth, file by file and as a whole, is what the files say."""
    every_good: list[Good] = []
    for file in truth.files:
        judged = [judge(record) for record in read_records(folder / file.name)]
        good = [verdict for verdict in judged if isinstance(verdict, Good)]
        reasons = Counter(r for verdict in judged if isinstance(verdict, tuple) for r in verdict)
        assert (file.records, file.good) == (len(judged), len(good)), file.name
        assert file.quarantined == len(judged) - len(good), file.name
        assert file.reasons == dict(reasons), file.name
        every_good += good
    classes, winners = classify(every_good)
    assert truth.classes == {**classes, "updated": 0, "quarantined": truth.quarantined}
    assert truth.silver_rows == len(winners)
    assert truth.good_sums == sums(every_good)
    assert truth.silver_sums == sums(winners)
    assert truth.content_hash == content_hash(record.row_hash for record in winners)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("set") / "landing"


@pytest.fixture(scope="module")
def truth(landing: Path) -> Truth:
    return generate_trades(small(landing, damaged=True, gzip_every=3))


def test_the_truth_is_what_the_files_say(truth: Truth, landing: Path) -> None:
    assert_true(truth, landing)


def test_every_class_of_record_has_the_number_that_was_asked_for(truth: Truth) -> None:
    assert truth.records == 3000
    assert truth.classes == {
        "new": 1950,
        "updated": 0,
        "duplicate": 150,
        "superseded": 600,
        "quarantined": 300,
    }


def test_defects_are_spread_evenly_over_their_classes(truth: Truth) -> None:
    expected = Counter(
        reason for number in range(300) for reason in DEFECTS[number % len(DEFECTS)].reasons
    )
    assert truth.reasons == dict(expected)
    assert all(file.quarantined in range(45, 56) for file in truth.files)


def test_a_defective_record_has_a_key_of_its_own(truth: Truth, landing: Path) -> None:
    good: set[str] = set()
    bad: list[str] = []
    for file in truth.files:
        for record in read_records(landing / file.name):
            verdict = judge(record)
            if isinstance(verdict, Good):
                good.add(record[0])
            elif record[0] not in ("", HEADERS[0]):
                bad.append(record[0])
    assert len(bad) == len(set(bad)) > 200
    assert not good & set(bad)


def test_good_records_carry_every_harmless_oddity(truth: Truth) -> None:
    good = good_of(truth)
    assert any("\n" in r[10] and "," in r[10] and '"' in r[10] for r in good)
    assert any(not r[10].strip() and not r[7] for r in good)
    assert any(r[2] != r[2].strip() and r[2].islower() and r[9].islower() for r in good)


def good_of(truth: Truth) -> list[list[str]]:
    records = [r for file in truth.files for r in read_records(truth.options.out / file.name)]
    return [record for record in records if isinstance(judge(record), Good)]


def test_all_times_lie_in_the_days_that_were_asked_for(truth: Truth) -> None:
    end = (truth.options.start + timedelta(days=truth.options.days)).isoformat()
    times = {record[column] for record in good_of(truth) for column in (8, 11, 13)}
    assert truth.options.start.isoformat() <= min(times) < max(times) < end
    assert all(re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{6}", time) for time in times)


def test_a_newer_version_wins_an_older_one_loses_and_most_come_after_their_trade(
    truth: Truth,
) -> None:
    versions: dict[str, list[str]] = defaultdict(list)
    for record in good_of(truth):
        versions[record[0]].append(record[13])
    # of the 30 days, older versions lie in the first quarter and newer ones in the last
    quarters = {key: [time[:10] for time in times] for key, times in versions.items()}
    newer = [days for days in quarters.values() if max(days) >= "2026-01-23"]
    older = [days for days in quarters.values() if min(days) < "2026-01-08"]
    assert min(len(newer), len(older)) > 200
    plain = [days[0] for days in [*newer, *older] if "2026-01-08" < days[0] < "2026-01-23"]
    assert len(plain) > 0.6 * (len(newer) + len(older))


def test_a_set_is_the_same_bytes_on_any_number_of_threads(truth: Truth, tmp_path: Path) -> None:
    for threads in (1, 4):
        out = tmp_path / str(threads) / "landing"
        options = dataclasses.replace(truth.options, out=out)
        again = generate_trades(options, threads=threads)
        assert bytes_of(out) == bytes_of(truth.options.out)
        assert dataclasses.replace(again, options=truth.options) == truth


def test_a_file_does_not_depend_on_how_many_records_one_query_makes(
    truth: Truth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.generate.trades.RECORDS_PER_QUERY", 70)
    generate_trades(dataclasses.replace(truth.options, out=tmp_path / "landing"))
    assert bytes_of(tmp_path / "landing") == bytes_of(truth.options.out)


def test_two_seeds_share_a_folder_and_customers_but_no_trade(tmp_path: Path) -> None:
    out = tmp_path / "landing"
    sets = [generate_trades(small(out, files=2, seed=seed)) for seed in (1, 2)]
    assert len(list(out.iterdir())) == 4
    records = [
        [r for f in made.files for r in read_records(out / f.name) if len(r[0]) == 36]
        for made in sets
    ]
    trades = [{record[0] for record in part} for part in records]
    customers = [{record[1] for record in part if len(record[1]) == 36} for part in records]
    assert not trades[0] & trades[1]
    assert customers[0] == customers[1]
    assert len(customers[0]) == 50


def test_files_appear_whole_under_a_dated_name(tmp_path: Path) -> None:
    out = tmp_path / "landing"
    seen: list[tuple[int, int]] = []

    def look(done: int, total: int) -> None:
        seen.append((done, total))
        final = [path for path in out.iterdir() if not path.name.startswith(".")]
        assert len(final) >= done
        assert all(len(read_records(path)) == 500 for path in final)

    generate_trades(small(out), progress=look)
    assert seen == [(done, 6) for done in range(1, 7)]
    days = range(1, 31, 5)
    expected = [f"trades_2026-01-{day:02d}_s7_part_{n:03d}.csv" for n, day in enumerate(days, 1)]
    assert sorted(path.name for path in out.iterdir()) == expected


def test_a_failing_run_leaves_no_temporary_file(tmp_path: Path) -> None:
    def fail(done: int, total: int) -> None:
        raise RuntimeError(f"{done} of {total}")

    with pytest.raises(RuntimeError, match="1 of 6"):
        generate_trades(small(tmp_path / "landing"), progress=fail, threads=1)
    assert not [path for path in (tmp_path / "landing").iterdir() if path.name.startswith(".")]
    assert not (tmp_path / "landing.truth.json").exists()


def test_every_third_file_is_compressed(truth: Truth, landing: Path) -> None:
    zipped = [file.name for file in truth.files if file.name.endswith(".csv.gz")]
    assert [name.split("_part_")[1] for name in zipped] == ["003.csv.gz", "006.csv.gz"]
    assert all(len(read_records(landing / name)) == 500 for name in zipped)


def test_damaged_files_cannot_be_read_and_are_listed(truth: Truth, landing: Path) -> None:
    paths = {file.damage: landing / file.name for file in truth.rejected}
    assert not {path.name for path in paths.values()} & {file.name for file in truth.files}
    with pytest.raises(csv.Error):
        read_records(paths["unclosed_quote"])
    with pytest.raises(UnicodeDecodeError):
        read_records(paths["latin1"])
    with pytest.raises(EOFError):
        read_records(paths["truncated_gzip"])


def test_the_truth_file_gives_the_truth_back(truth: Truth) -> None:
    assert truth.options.truth_path.parent == truth.options.out.parent
    assert read_truth(truth.options.truth_path) == truth


def test_the_content_hash_in_sql_is_the_content_hash_in_python() -> None:
    row_hashes = [hashlib.sha256(bytes([n])).hexdigest() for n in range(50)]
    with duckdb.connect() as connection:
        connection.execute("create table t as select unnest($1) as row_hash", [row_hashes])
        (in_sql,) = connection.table("t").aggregate(CONTENT_HASH_SQL).fetchall()[0]
    assert in_sql == content_hash(reversed(row_hashes))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"files": 0}, "files=0"),
        ({"defects": 1.5}, "defects=1.5"),
        ({"defects": 0.5, "updates": 0.5}, "leave no record"),
        ({"rows": 1_000_000_000}, "at most"),
        ({"truth": Path("landing/t.json"), "out": Path("landing")}, "must lie outside"),
    ],
)
def test_contradictory_options_are_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        small(**{"out": Path("landing"), **changes})


def test_the_command_writes_below_the_home_and_prints_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    done = CliRunner().invoke(app, ["trades", "--files", "2", "--rows", "50", "--json"])
    assert done.exit_code == 0, done.output
    made = read_truth(tmp_path / "truth" / "trades.json")
    assert json.loads(done.stdout) == made.summary
    assert len(list((tmp_path / "landing" / "trades").glob("*.csv"))) == 2


def test_the_command_names_a_bad_option(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["trades", "--rows", "0", "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "rows=0" in done.output


def test_the_committed_samples_are_what_their_options_give(tmp_path: Path) -> None:
    committed = read_truth(SAMPLES / "truth" / "trades.json")
    out = tmp_path / "landing"
    made = generate_trades(dataclasses.replace(committed.options, out=out, truth=None))
    assert bytes_of(out) == bytes_of(SAMPLES / "landing" / "trades")
    assert dataclasses.replace(made, options=committed.options) == committed
    assert len(committed.reasons) == 14
    assert committed.quarantined <= committed.records / 10
