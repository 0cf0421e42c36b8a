"""`assay dataset new | check | list | show`: a dataset from a sample file, and what there is."""

from __future__ import annotations

import dataclasses
import getpass
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from assay.cli.dataset_check import check
from assay.contracts.dialect import Decimal, Encoding, Thousands
from assay.contracts.facts import nearest
from assay.contracts.folders import dataset_names
from assay.contracts.load import all_contracts, gold_contracts, load_contract
from assay.contracts.model import Contract
from assay.contracts.pipelines import all_pipelines, pipeline_carrying
from assay.errors import SettingsError
from assay.profile.given import Given
from assay.words import count

app = typer.Typer(
    no_args_is_help=True,
    help="Datasets: propose one from a sample file, check, list and show them.",
)
app.command()(check)
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Name = Annotated[str, typer.Argument(help="The dataset, such as trades.")]


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The name: small letters, digits and _.")],
    more: Annotated[list[Path] | None, typer.Argument(help="Further sample files.")] = None,
    sample: Annotated[
        list[Path] | None, typer.Option("--from", help="A sample file; further ones may follow it.")
    ] = None,
    pipeline: Annotated[
        str | None, typer.Option(help="The pipeline (default: a new one of the same name).")
    ] = None,
    schedule: Annotated[str, typer.Option(help="When a new pipeline runs, in UTC.")] = "0 4 * * *",
    owner: Annotated[str, typer.Option(help="Whose dataset it is.")] = "",
    key: Annotated[
        str, typer.Option(help="The columns of the key, such as order_id,line (default: found).")
    ] = "",
    hash_key: Annotated[
        str, typer.Option(help="A column to make, for a key: the hash of all others.")
    ] = "",
    event_time: Annotated[
        str, typer.Option(help="The column whose latest value wins (default: found).")
    ] = "",
    delimiter: Annotated[str | None, typer.Option(help="Between the fields of CSV.")] = None,
    quote: Annotated[str | None, typer.Option(help="Around a field of CSV.")] = None,
    encoding: Annotated[Encoding | None, typer.Option(help="How bytes spell text.")] = None,
    header: Annotated[
        bool | None, typer.Option("--header/--no-header", help="Whether CSV begins with names.")
    ] = None,
    decimal: Annotated[Decimal | None, typer.Option(help="Mark before decimals.")] = None,
    thousands: Annotated[
        Thousands | None, typer.Option(metavar="MARK", help="Mark between thousands.")
    ] = None,
    date_format: Annotated[
        list[str] | None, typer.Option(help="Such as dd/MM/yyyy, or iso; repeatable.")
    ] = None,
    null_value: Annotated[
        list[str] | None, typer.Option(help="A text that says nothing, such as NA; repeatable.")
    ] = None,
    samples: Annotated[bool, typer.Option("--samples", help="Keep the files as samples.")] = False,
    as_json: AsJson = False,
) -> None:
    """Propose a dataset from sample files: write its contract, and its entry in pipelines.yaml.

    What the files do not decide is printed, and stands in the contract as a comment.
    """
    from assay.airflow_client.dags_folder import have_dags_parsed
    from assay.profile.home import require_free, write_dataset
    from assay.profile.proposal import propose

    files = [*(sample or []), *(more or [])]
    if not files:
        raise typer.BadParameter("give a sample file by --from")
    given = Given(
        keys=tuple(filter(None, key.split(","))),
        event_time=event_time,
        hash_key=hash_key,
        delimiter={"\\t": "\t"}.get(delimiter or "", delimiter),
        quote=quote,
        encoding=encoding,
        header=header,
        decimal=decimal,
        thousands=thousands,
        date_formats=tuple(date_format or ()),
        null_values=tuple(null_value or ()),
        owner=owner or getpass.getuser(),
    )
    require_free(name, pipeline)
    proposal = propose(name, files, given)
    carrier = pipeline or name
    written = write_dataset(proposal, carrier, schedule, files if samples else [])
    have_dags_parsed()
    if as_json:
        facts = {"dataset": name, "pipeline": carrier, "written": [*map(str, written)]}
        print(json.dumps({**facts, "decisions": [*proposal.decisions]}, indent=1))
        return
    console = Console(highlight=False)
    for path in written:
        console.print(f"wrote {path}", soft_wrap=True, markup=False)
    _tell_contract(console, load_contract("silver", name), proposal.records)
    if proposal.decisions:
        console.print(
            "\nto decide, in the contract or by a flag (remove it first to propose anew):"
        )
        for line in proposal.decisions:
            console.print(f"- {line}", soft_wrap=True, markup=False)
    console.print(
        f"\nnext: assay up, which makes {load_contract('silver', name).serving}; put files into"
        f" landing/{name}/; assay trigger {carrier}",
        soft_wrap=True,
    )


def _tell_contract(console: Console, silver: Contract, records: int) -> None:
    listed = ", ".join(silver.keys)
    told = f"{count(records, 'record')}; key {listed}; the latest {silver.event_time} wins"
    console.print(f"{silver.name}: {told}", soft_wrap=True, markup=False)
    console.print(_columns(silver))


def _columns(silver: Contract) -> Table:
    bronze = load_contract("bronze", silver.name)
    headers = {c.name: c.header or c.name for c in bronze.columns}
    table = Table("column", "from", "type", "rules", box=None, pad_edge=False)
    for column in silver.columns:
        rules = [] if column.nullable else ["not null"]
        rules += [f"one of {len(column.allowed)}"] if column.allowed else []
        rules += [f"at least {column.minimum}"] if column.minimum else []
        rules += [f"at most {column.maximum}"] if column.maximum else []
        rules += ["rounded"] if column.round else []
        source = headers.get(column.source or column.name, "")
        table.add_row(column.name, source, column.type, ", ".join(rules))
    return table


@app.command("list")
def list_datasets(as_json: AsJson = False) -> None:
    """List every dataset with its pipeline, its key and where it is served."""
    facts = [
        {
            "dataset": silver.name,
            "pipeline": _pipeline_of(silver.name),
            "key": [*silver.keys],
            "serving": silver.serving,
            "gold": len(gold_contracts([silver.name])),
        }
        for silver in all_contracts("silver")
    ]
    if as_json:
        print(json.dumps(facts, indent=1))
        return
    columns = (Column(name, overflow="fold") for name in facts[0])
    table = Table(*columns, box=None, pad_edge=False)
    for each in facts:
        key = ", ".join(each["key"]) if isinstance(each["key"], list) else ""
        row = {**each, "key": key}
        table.add_row(*(str(fact) for fact in row.values()))
    Console().print(table)


def _pipeline_of(dataset: str) -> str:
    carrying = (p for p in all_pipelines().values() if dataset in p.datasets)
    return next((p.name for p in carrying if p.trigger == "files"), "")


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show one dataset: how it is delivered, its columns, its key, and what is made of it."""
    if name not in dataset_names():
        raise SettingsError(f"no dataset {name!r}{nearest(name, dataset_names())}")
    bronze, silver = load_contract("bronze", name), load_contract("silver", name)
    gold = [table.table for table in gold_contracts(pipeline_carrying(name).datasets)]
    gold = [table for table in gold if name in load_contract("gold", table[5:]).datasets]
    if as_json:
        facts = {
            "dataset": name,
            "contract": str(silver.path),
            "pipeline": pipeline_carrying(name).name,
            "source": dataclasses.asdict(bronze.source) if bronze.source else None,
            "forms": dataclasses.asdict(silver.forms),
            "key": silver.keys,
            "event_time": silver.event_time,
            "serving": silver.serving,
            "gold": gold,
            "columns": [dataclasses.asdict(column) for column in silver.columns],
        }
        print(json.dumps(facts, indent=1))
        return
    pipeline, source = pipeline_carrying(name), bronze.source
    facts_told = {
        "contract": str(silver.path),
        "pipeline": f"{pipeline.name}, at {pipeline.schedule} (UTC)",
        "owner": silver.owner,
        "files": ", ".join(source.patterns) if source else "",
        "key": ", ".join(silver.keys),
        "the latest": silver.event_time,
        "serving": silver.serving or "none",
        "gold": ", ".join(gold) or "none",
    }
    console = Console(highlight=False)
    console.print(silver.description, soft_wrap=True, markup=False)
    for label, told in facts_told.items():
        console.print(f"{label:11}{told}", soft_wrap=True, markup=False)
    console.print(_columns(silver))
