"""Records as values of a topic: their bytes, their keys, and what cannot be one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay.contracts.delivery import Stream
from assay.errors import RequestRefusedError
from assay.gateway import values_of_topics
from assay.gateway.body import Kind
from assay.gateway.check import checker_of
from assay.gateway.records import Prepared
from assay.gateway.values_of_topics import prepare_values
from assay.verify.slice_files import read_values
from builders.gateway import MOST, click, lines
from builders.stream_slices import write_slice_file

EVENTS = checker_of("ecommerce_events")
HEADER = b"event_id,event_time,event_type,product_id,product_name,price,user_id,session_id\n"
ROW = b'e1,2026-01-05T10:00:00Z,view,7,"a ""b"", c",1.5,9,\n'


def prepared(body: bytes, kind: Kind = Kind.LINES, values: str = "json") -> Prepared:
    stream = Stream(topics=("shop",), values=values)  # type: ignore[arg-type]
    return prepare_values(body, kind, EVENTS, stream, MOST, strict=False)


def test_a_value_has_the_bytes_of_its_record_and_the_key_of_its_row() -> None:
    odd = b'{"event_id": " e2 ",  "price": 1.50}'
    made = prepared(lines(click("e1")) + odd + b"\n" + lines("no JSON", click("e4", event_id=None)))
    assert made.target.topic == "shop"
    assert made.lines[1:3] == [odd, b"no JSON"]
    assert made.keys == [b"e1", b"e2", None, None]
    assert [(number, reasons[0]) for number, _, reasons in made.findings] == [
        (2, "event_time.missing"),
        (3, "record.malformed"),
    ]


def test_names_are_those_of_any_shape_as_the_stream_reads_them() -> None:
    storefront = click("e1")
    storefront["action"] = storefront.pop("event_type")
    assert prepared(lines(storefront)).findings == []
    says_two = prepared(lines(click("e1", action="purchase"))).findings
    assert says_two == [[1, "quarantine", ["record.malformed"]]]
    spelt = prepared(lines({name.upper(): value for name, value in click("e1").items()}))
    assert "event_time.missing" in spelt.findings[0][2]


def test_records_of_csv_become_objects_and_what_is_none_a_text() -> None:
    header = HEADER.replace(b"event_type", b" Event_TYPE")  # in a topic names are exact
    made = prepared(header + ROW + b'{"event_id": "e9"}\n', Kind.CSV)
    record = json.loads(made.lines[0])
    assert (record["event_type"], record["product_name"]) == ("view", 'a "b", c')
    assert record["session_id"] is None
    assert json.loads(made.lines[1]) == '{"event_id": "e9"}'
    assert made.findings == [[2, "quarantine", ["record.malformed"]]]
    assert made.keys == [b"e1", None]


@pytest.mark.parametrize("values", ["json", "csv"])
def test_records_of_csv_that_are_all_malformed_are_quarantined_as_those_of_files_are(
    values: str,
) -> None:
    made = prepared(HEADER + b"e1,view\ne2\n", Kind.CSV, values)
    assert (made.records, made.doubtful) == (2, 2)
    assert {reasons[0] for _, _, reasons in made.findings} == {"record.malformed"}


def test_values_of_csv_have_the_columns_in_the_order_of_the_contract() -> None:
    made = prepared(lines(click("e1", product_name='a "b", c'), "no JSON"), values="csv")
    columns = EVENTS.bronze.column_names
    assert columns[:3] == ["event_id", "event_time", "event_type"]
    assert made.lines[0].startswith(b"e1,2026-01-05T10:00:00Z,view,")
    assert b'"a ""b"", c"' in made.lines[0]
    assert made.lines[1] == b'"no JSON"'
    moved = prepared(
        b"event_type,user_id,price,product_id,event_time\nview,9,1.5,7,2026-01-05\n",
        Kind.CSV,
        values="csv",
    )
    given = {"event_type": "view", "user_id": "9", "price": "1.5", "product_id": "7"}
    given["event_time"] = "2026-01-05"
    assert moved.lines == [",".join(given.get(name, "") for name in columns).encode()]
    with pytest.raises(RequestRefusedError, match="'tag'"):
        prepared(lines(click("e1", tag=1)), values="csv")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", Kind.LINES, 400),
        (b"1\n2\n", Kind.LINES, 400),
        (b"[", Kind.JSON, 400),
        (b"a,b\n1,2\n", Kind.CSV, 422),
        (HEADER, Kind.CSV, 400),
        (lines(click("e1", product_name="a" * 1_000_000)), Kind.LINES, 413),
        (lines({f"f{number}": 1 for number in range(2_000)}), Kind.LINES, 413),
    ],
    ids=["empty", "no object", "no JSON", "no column", "no row", "large", "wide"],
)
def test_what_is_no_body_of_the_dataset_is_refused(body: bytes, kind: Kind, status: int) -> None:
    with pytest.raises(RequestRefusedError) as refused:
        prepared(body, kind)
    assert refused.value.status == status


def test_keys_of_several_columns_are_told_apart() -> None:
    key_of = values_of_topics._keys("stocks")
    texts = {source: f" {number} " for number, (source, _) in enumerate(key_of.readers)}
    assert {*checker_of("stocks").bronze.column_names} >= {*texts}
    assert key_of(texts) == b"0\x1f1"
    assert key_of({**texts, next(iter(texts)): None}) is None


@pytest.mark.parametrize("values", ["json", "csv"])
@pytest.mark.parametrize("kind", [Kind.LINES, Kind.CSV])
def test_an_auditor_reads_in_the_values_what_was_posted(
    kind: Kind, values: str, tmp_path: Path
) -> None:
    name = 'a "b", c'
    body = HEADER + ROW if kind is Kind.CSV else lines(click("e1", product_name=name))
    slice_file = tmp_path / "slice.parquet"
    write_slice_file(slice_file, prepared(body, kind, values).lines, 0)
    (batch,) = read_values(slice_file, EVENTS.bronze, f"kafka_{values}")
    (row,) = batch.to_pylist()
    assert (row["event_id"], row["event_type"], row["product_name"]) == ("e1", "view", name)
    assert (row["price"], row["user_id"]) == ("1.5", "9")
