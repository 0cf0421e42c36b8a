"""Pipelines load whole, and a wrong file names every fault with pipeline and key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from assay.contracts.folders import dataset_names
from assay.contracts.pipelines import (
    all_pipelines,
    find_pipeline,
    pipeline_carrying,
    pipelines_started_by,
    read_pipelines,
)
from assay.errors import ContractError, SettingsError

ORDERS: dict[str, Any] = {
    "trigger": "files",
    "datasets": ["orders"],
    "schedule": "0 4 * * *",
    "owner": "sales",
}
BOTH: dict[str, Any] = {"trigger": "releases", "datasets": ["orders"], "owner": "sales"}


def read(tmp_path: Path, **facts: object) -> object:
    path = tmp_path / "pipelines.yaml"
    path.write_text(yaml.safe_dump(facts))
    return read_pipelines([path], ["orders", "returns"])


def test_every_dataset_is_carried_by_one_pipeline() -> None:
    assert {name: pipeline_carrying(name).name for name in dataset_names()}.items() >= {
        "ecommerce_events": "ecommerce_events",
        "mutual_funds": "finance",
        "product_returns": "product_returns",
        "stocks": "finance",
        "trades": "trades",
    }.items()
    (across,) = pipelines_started_by("releases")
    assert find_pipeline("cross_dataset_gold") == across


def test_a_wrong_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"no pipeline 'finances'; did you mean finance\?"):
        find_pipeline("finances")
    with pytest.raises(SettingsError, match="no pipeline takes files of 'orders'"):
        pipeline_carrying("orders")
    assert "trades" in all_pipelines()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            {"trigger": "file"},
            r"trigger: 'file' is not one of 'files', 'releases'; did you mean files\?",
        ),
        ({"triger": "files"}, r"triger: no such key; did you mean trigger\?"),
        ({"datasets": ["order"]}, r"datasets.1: order has no contract; did you mean orders\?"),
        ({"datasets": "orders"}, "datasets: 'orders' is not a list"),
        ({"datasets": []}, r"datasets: \[\] is empty"),
        ({"tags": ["a", "a"]}, "tags: a name is given twice"),
        ({"schedule": "daily"}, "schedule: 'daily' is not five fields of cron"),
        ({"owner": 7}, "owner: 7 is not a text"),
    ],
)
def test_a_wrong_pipeline_names_its_fault(
    tmp_path: Path, change: dict[str, object], fault: str
) -> None:
    with pytest.raises(ContractError, match=rf"pipelines\.yaml:\d: sales\.{fault}"):
        read(tmp_path, sales={**ORDERS, **change})


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ContractError) as caught:
        read(tmp_path, sales={"trigger": "files"}, both={**BOTH, "schedule": "0 4 * * *"}, odd=1)
    told = [fault.partition(".yaml:")[2] for fault in str(caught.value).splitlines()]
    assert told == [
        "5: both.schedule: releases start this pipeline, not a clock",
        "7: odd: 1 is not a mapping; its keys are trigger, datasets, owner, schedule, tags",
        "8: sales.datasets: is missing",
        "8: sales.owner: is missing",
    ]


def test_pipelines_agree_on_who_carries_what(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"yaml:\d: b\.datasets\.1: a carries orders already"):
        read(tmp_path, a=ORDERS, b=ORDERS)
    with pytest.raises(
        ContractError, match=r"both\.datasets\.2: no pipeline takes files of returns"
    ):
        read(tmp_path, sales=ORDERS, both={**BOTH, "datasets": ["orders", "returns"]})


def test_a_pipeline_that_is_given_twice_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "pipelines.yaml"
    path.write_text("a: {owner: x}\na: {owner: y}\n")
    with pytest.raises(ContractError, match="yaml:2: a: is given twice, first in line 1"):
        read_pipelines([path], [])
    with pytest.raises(ContractError, match=r"nothing\.yaml: no such file"):
        read_pipelines([tmp_path / "nothing.yaml"], [])
