"""`assay up | down | status | doctor | url | airflow`: the embedded stack."""

from __future__ import annotations

import dataclasses
import json
import os
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from assay.settings import Settings, load_settings

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


WithGateway = Annotated[
    bool, typer.Option("--gateway", help="The HTTP gateway as well (or set ASSAY_GATEWAY=yes).")
]


class Service(StrEnum):
    """What has an address."""

    postgres = "postgres"
    airflow = "airflow"
    gateway = "gateway"
    kafka = "kafka"


def register(app: typer.Typer) -> None:
    """Add the commands of the stack to the command line."""
    for command in (up, down, status, doctor, url):
        app.command()(command)
    app.command(context_settings=PASSED_ON, add_help_option=False)(airflow)


def up(as_json: AsJson = False, gateway: WithGateway = False) -> None:
    """Start Postgres, Spark and Airflow, and leave them running. Does nothing twice.

    With ASSAY_KAFKA=yes, a Kafka broker too.
    """
    from assay_stack import supervisor

    settings = load_settings()
    settings = dataclasses.replace(settings, gateway=settings.gateway or gateway)
    supervisor.up(settings, say)
    _show_status(settings, as_json=as_json)


def down(as_json: AsJson = False) -> None:
    """Stop everything that was started; no process is left."""
    from assay_stack import supervisor

    settings = load_settings()
    supervisor.down(settings, say)
    outside = supervisor.status(settings).outside
    if outside:
        say(f"Postgres' data stay in {outside}; a full reset removes it with {settings.home}")
    if as_json:
        _print_json({"up": False})


def status(as_json: AsJson = False) -> None:
    """Show what runs, and where. Exits with 1 when not all of it is well."""
    if not _show_status(load_settings(), as_json=as_json):
        raise typer.Exit(1)


def doctor(as_json: AsJson = False) -> None:
    """Say what is missing on this machine, and how to get it. Exits with 1 when something is."""
    from assay_stack.doctor import examine

    findings = examine(load_settings())
    if as_json:
        _print_json([{**dataclasses.asdict(each), "ok": each.ok} for each in findings])
    else:
        for each in findings:
            print(f"{'ok' if each.ok else 'NO':3} {each.subject:12} {each.found}")
            if not each.ok:
                print(f"    remedy: {each.remedy}")
    if not all(each.ok for each in findings):
        raise typer.Exit(1)


def url(
    service: Annotated[Service | None, typer.Argument(help="Only this one's address.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the addresses, the login of Airflow, and the landing folder."""
    from assay.gateway.address import is_well
    from assay.kafka.access import kafka_access

    settings = load_settings()
    facts = addresses(settings)
    if service is Service.kafka:  # which says, where there is none, how to have one
        facts["kafka"] = kafka_access(settings).bootstrap_servers
    if as_json:
        _print_json(facts if service is None else {service.value: facts[service.value]})
    elif service is None:
        print(f"Airflow   {facts['airflow']}  user {facts['user']}  password {facts['password']}")
        print(f"Postgres  {facts['postgres']}")
        if settings.runs_elsewhere:
            print("          (inside; on the host: docker compose exec postgres psql URI)")
        if "kafka" in facts:
            print(f"Kafka     {facts['kafka']}")
        if settings.gateway or is_well(settings):
            print(f"Gateway   {facts['gateway']}/v1/datasets/<dataset>/events")
        print(f"Landing   {facts['landing']}/<dataset>/")
    else:
        print(facts[service.value])


def airflow(context: typer.Context) -> None:
    """Run a command of Airflow's own on this stack, such as `backfill create`."""
    from assay.home.paths import BIN, child_environment
    from assay_stack.airflow import airflow_environment

    environment = child_environment(airflow_environment(load_settings()))
    os.execve(BIN / "airflow", ["airflow", *context.args], environment)  # noqa: S606  # no shell


def addresses(settings: Settings) -> dict[str, str]:
    """Where the stack is, its logins (Airflow's admin, Postgres' reader), and where files land."""
    from assay.airflow_client.api import USER, airflow_page
    from assay.gateway.address import gateway_url
    from assay.home.credentials import load_credentials
    from assay.home.dsn import dsn
    from assay.kafka.access import kafka_access

    return {
        "airflow": airflow_page(settings),
        "user": USER,
        "password": load_credentials(settings)[USER],
        "postgres": dsn(settings, "assay_reader"),
        "gateway": gateway_url(settings),
        "landing": str(settings.landing),
        **({"kafka": kafka_access(settings).bootstrap_servers} if settings.uses_kafka else {}),
    }


def say(text: str) -> None:
    """One progress line; never on standard output, which may be read by a program."""
    typer.echo(f"assay: {text}", err=True)


def _show_status(settings: Settings, *, as_json: bool) -> bool:
    from assay_stack import supervisor

    now = supervisor.status(settings)
    if as_json:
        _print_json(dataclasses.asdict(now))
        return now.up
    if now.programs:
        table = Table("program", "state", "pid", "up for", box=None)
        for each in now.programs:
            minutes, seconds = divmod(each.seconds_up, 60)
            unwell = " (unwell)" if each.name in now.unhealthy else ""
            table.add_row(each.name, each.state + unwell, str(each.pid), f"{minutes}m {seconds}s")
        Console().print(table)
        more = f", gateway {now.gateway}" if now.gateway else ""
        more += f", Kafka {now.kafka}" if now.kafka else ""
        print(f"Airflow {now.airflow}, Postgres {now.postgres}{more} (login: make url)")
    else:
        print("nothing is running; start it with make up")
    if now.outside:
        print(f"Postgres is in {now.outside}; a full reset removes it with {settings.home}")
    return now.up


def _print_json(facts: Any) -> None:
    print(json.dumps(facts, indent=1))
