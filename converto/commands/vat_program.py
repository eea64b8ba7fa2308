"""The command line of value added tax; each command loads what it needs, so that all start fast."""

from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from converto.kernel.config import Settings

vat = typer.Typer(no_args_is_help=True, help="Value added tax: rates, documents, returns and exports.")
Company = Annotated[UUID, typer.Option(help="The company, by its id.")]
Period = Annotated[str, typer.Argument(help="2026-11, 2026-Q4 or 2026.")]
FORMATS = ("pdf", "csv", "xlsx", "vsralvkv", "procountor", "netvisor", "audit-pack")


@vat.command()
def rates(on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day; today in Finland without it.")] = None) -> None:
    """Print the rates in force on a day, each with its source."""
    from converto.commands.vat import rates as run  # noqa: PLC0415

    raise typer.Exit(run(None if on is None else on.date()))


@vat.command()
def check(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A picture, a PDF or an e-invoice.")]) -> None:
    """Read a document and say what is to be known before it is booked; ends with 1 where something forbids it."""
    from converto.commands.vat import check as run  # noqa: PLC0415

    raise typer.Exit(run(file))


@vat.command("return")
def show_return(period: Period, company: Company) -> None:
    """Print a period's return: as filed, or as it stands now."""
    from converto.commands.vat import show_return as run  # noqa: PLC0415

    raise typer.Exit(run(Settings(), period, company=company))


@vat.command()
def export(
    period: Period,
    company: Company,
    *,
    kind: Annotated[str, typer.Option("--format", help=", ".join(FORMATS))] = "pdf",
    business_id: Annotated[str | None, typer.Option(help="The company's, which vsralvkv names.")] = None,
    out: Annotated[Path, typer.Option(dir_okay=False, help="The file to write.")],
) -> None:
    """Write a period's return, its vouchers for another program, or its audit pack into a file."""
    from converto.commands.vat import export as run  # noqa: PLC0415

    if kind not in FORMATS:
        msg = f"{kind} is none of {', '.join(FORMATS)}"
        raise typer.BadParameter(msg, param_hint="--format")
    raise typer.Exit(run(Settings(), period, company=company, kind=kind, business_id=business_id, target=out))
