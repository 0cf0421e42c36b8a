"""Where the gateway is: as producers see it, and as programs of the stack do."""

from __future__ import annotations

import dataclasses

import pytest

from assay.gateway.address import gateway_address, gateway_url, url_inside
from assay.home.ports import choose_ports
from assay.settings import Settings


@pytest.fixture
def container(settings: Settings) -> Settings:
    return dataclasses.replace(
        settings,
        postgres=("postgres", 5432),
        airflow=("airflow-api-server", 8080),
        gateway_page="http://127.0.0.1:18090",
        listen="0.0.0.0",  # noqa: S104  a container's own
    )


def test_an_embedded_stack_has_one_address(settings: Settings) -> None:
    assert gateway_url(settings) == url_inside(settings) == "", "it was never started"
    port = choose_ports(settings, print)["gateway"]
    assert gateway_url(settings) == url_inside(settings) == f"http://127.0.0.1:{port}"


def test_containers_reach_it_by_name_and_producers_at_the_published_port(
    container: Settings,
) -> None:
    assert gateway_address(container) == ("0.0.0.0", 8090)  # noqa: S104
    assert url_inside(container) == "http://gateway:8090"
    assert gateway_url(container) == "http://127.0.0.1:18090"


def test_behind_a_proxy_producers_are_told_its_address(settings: Settings) -> None:
    choose_ports(settings, print)
    behind = dataclasses.replace(settings, gateway_page="https://gateway.example/assay/")
    assert gateway_url(behind) == "https://gateway.example/assay"
    assert url_inside(behind).startswith("http://127.0.0.1:")
