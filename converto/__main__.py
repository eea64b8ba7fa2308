"""The command line."""

import sys
from typing import Annotated
from uuid import UUID

import typer
from pydantic import ValidationError

from converto.kernel.config import Settings
from converto.kernel.runtime import CannotStart

program = typer.Typer(no_args_is_help=True, add_completion=False, help="Converto: the business OS of a small Finnish company.")
events = typer.Typer(no_args_is_help=True, help="Facts on their way.")
program.add_typer(events, name="events")


@program.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")] = 8000,
    modules: Annotated[str, typer.Option(help="The modules that live in this process, with commas; empty means all.")] = "",
    *,
    migrate: Annotated[bool, typer.Option(help="Bring the databases to their newest revision first.")] = True,
) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    from converto.commands.serve import serve as run

    run(_settings(modules), host=host, port=port, migrates=migrate)


@program.command()
def migrate() -> None:
    """Bring the databases to their newest revision."""
    from converto.commands import administration

    administration.migrate(_settings())


@program.command()
def modules() -> None:
    """Show which modules there are, and where each lives."""
    from converto.commands import administration

    administration.modules(_settings())


@program.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from converto.commands import administration

    administration.openapi(_settings())


@program.command()
def settings() -> None:
    """Print every setting with its meaning and its default."""
    from converto.commands.settings import env_example
    from converto.modules import installed

    print(env_example(installed()), end="")


@events.command("dead")
def events_dead() -> None:
    """List the events that a subscriber has given up on."""
    from converto.commands import administration

    administration.dead(_settings())


@events.command("retry")
def events_retry(event_id: Annotated[UUID, typer.Argument(help="As `converto events dead` lists it.")]) -> None:
    """Have a dead event handled anew."""
    from converto.commands import administration

    administration.retry(_settings(), event_id)


def _settings(modules: str = "") -> Settings:
    return Settings(modules=modules) if modules else Settings()


def main() -> None:
    """Run the command line; what cannot start says why in one sentence."""
    try:
        program(standalone_mode=True)
    except CannotStart as refusal:
        sys.exit(f"converto: {refusal}")
    except ValidationError as error:
        for wrong in error.errors():
            name = "__".join(str(part) for part in wrong["loc"]).upper()
            print(f"converto: the setting {name or error.title}: {wrong['msg']}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
