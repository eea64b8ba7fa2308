"""The command line."""

import gc
import sys
from itertools import takewhile
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from pydantic import SecretStr, ValidationError

from converto.commands.vat_program import vat
from converto.kernel import log
from converto.kernel.config import CannotStart, Settings

program = typer.Typer(no_args_is_help=True, add_completion=False, help="Converto: the business OS of a small Finnish company.")
events = typer.Typer(no_args_is_help=True, help="Facts on their way.")
program.add_typer(events, name="events")
user = typer.Typer(no_args_is_help=True, help="People and their companies.")
program.add_typer(user, name="user")
keys = typer.Typer(no_args_is_help=True, help="The keys that access tokens are signed with.")
program.add_typer(keys, name="keys")
audit = typer.Typer(no_args_is_help=True, help="What was done in each company, and by whom.")
program.add_typer(audit, name="audit")
billing = typer.Typer(no_args_is_help=True, help="Plans, usage and payments.")
program.add_typer(billing, name="billing")
program.add_typer(vat, name="vat")


@program.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")] = 8000,
    modules: Annotated[str, typer.Option(help="The modules that live in this process, with commas; empty means all.")] = "",
    *,
    migrate: Annotated[bool, typer.Option(help="Bring the databases to their newest revision first.")] = True,
) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    gc.disable()  # until it is ready: what is loaded stays, and to look it through for garbage is a sixth of the start
    from converto.commands.serve import serve as run

    run(_settings(modules), host=host, port=port, migrates=migrate)


@program.command()
def migrate() -> None:
    """Bring the databases to their newest revision."""
    from converto.commands import administration

    administration.migrate(_settings())


@program.command()
def backup(
    archive: Annotated[Path, typer.Argument(dir_okay=False, help="The file to write, such as converto-2026-11-23.tar.")],
) -> None:
    """Write databases, documents and secrets into one archive, as of one moment, while the server goes on."""
    from converto.commands.backup import backup as run

    run(_settings(), archive)


@program.command()
def restore(
    archive: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What `converto backup` has written.")],
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Move aside what lies in the data folder.")] = False,
) -> None:
    """Bring back what a backup holds, if every byte of it is as it was written."""
    from converto.commands.backup import restore as run

    run(_settings(), archive, replaces=replace)


@program.command()
def modules() -> None:
    """Show which modules there are, where each lives, and whether it answers; ends with 1 where one does not."""
    from converto.commands.modules import modules as show

    raise typer.Exit(show(_settings()))


@program.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from converto.commands import administration

    administration.openapi(_settings())


@program.command()
def access() -> None:
    """Print who may use which route, as docs/access.md."""
    from converto.commands.access import page
    from converto.modules import installed

    print(page(installed()), end="")


@program.command()
def settings() -> None:
    """Print every setting with its meaning and its default."""
    from converto.commands.settings import env_example
    from converto.modules import installed

    print(env_example(installed()), end="")


@program.command()
def contracts(
    folder: Annotated[Path, typer.Option(file_okay=False, help="Where the files lie.")] = Path("contracts"),
    *,
    anyway: Annotated[bool, typer.Option(help="Write them although callers of before would break.")] = False,
) -> None:
    """Write down what modules promise one another, as JSON Schema; refuse what would break a caller of before."""
    from converto.commands.contracts import write
    from converto.modules import installed

    reasons = write(installed(), folder, anyway=anyway)
    for reason in reasons:
        print(f"converto: {reason}", file=sys.stderr)
    raise typer.Exit(1 if reasons else 0)


@events.command("dead")
def events_dead() -> None:
    """List the events that a subscriber has given up on."""
    from converto.commands import deliveries

    deliveries.dead(_settings())


@events.command("retry")
def events_retry(event_id: Annotated[UUID, typer.Argument(help="As `converto events dead` lists it.")]) -> None:
    """Have a dead event handled anew."""
    from converto.commands import deliveries

    deliveries.retry(_settings(), event_id)


@events.command("purge")
def events_purge(event_id: Annotated[UUID, typer.Argument(help="As `converto events dead` lists it.")]) -> None:
    """Forget a dead event for good: nobody will handle it."""
    from converto.commands import deliveries

    deliveries.purge(_settings(), event_id)


@events.command("relay")
def events_relay(
    told_from: Annotated[str, typer.Option("--from", metavar="TIME", help="2026-11-23T08:00:00Z, or so long ago: 90m, 12h, 3d.")],
) -> None:
    """Send what was told since a moment once more, such as after a loss of Redis; nothing is handled twice."""
    from converto.commands import deliveries

    try:
        moment = deliveries.moment(told_from)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--from") from error
    deliveries.relay(_settings(), moment)


@events.command("token")
def events_token(
    name: Annotated[str, typer.Argument(help="Which service it is for; it stands in the token.")],
    *,
    days: Annotated[int, typer.Option(min=1, max=366, help="For how long it is good.")] = 30,
) -> None:
    """Print an access token for a service of yours, which hears and tells the events of every tenant."""
    from converto.commands.service_tokens import show

    show(_settings(), name, days=days)


@program.command()
def scan(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Pictures or PDF files.")],
    *,
    languages: Annotated[str, typer.Option(help="Such as fin+eng; empty means what CONVERTO_OCR_LANGUAGES says.")] = "",
    kind: Annotated[str, typer.Option(help="auto, receipt, invoice or text.")] = "auto",
    engine: Annotated[str, typer.Option(help="auto, tesseract or rapidocr; empty means what CONVERTO_OCR_ENGINE says.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Read documents without a server."""
    from converto.commands.scan import scan as run
    from converto.ocr.interface import EngineChoice, Kind
    from converto.ocr.settings import OcrSettings

    settings = OcrSettings()
    if kind not in set(Kind):
        msg = f"{kind} is none of {', '.join(Kind)}"
        raise typer.BadParameter(msg, param_hint="--kind")
    if engine and engine not in set(EngineChoice):
        msg = f"{engine} is none of {', '.join(EngineChoice)}"
        raise typer.BadParameter(msg, param_hint="--engine")
    wanted = settings.model_copy(update={"engine": EngineChoice(engine)}) if engine else settings
    raise typer.Exit(run(files, wanted, languages=languages, kind=Kind(kind), as_json=as_json))


@program.command()
def vision(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Pictures.")],
    *,
    task: Annotated[str, typer.Option(help="describe, objects, receipt, device, faces or text.")] = "describe",
    local_only: Annotated[bool, typer.Option("--local-only", help="Ask no model: nothing leaves this machine.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Tell what is on pictures without a server, by a model where a provider's key is set."""
    from converto.commands.vision import vision as run
    from converto.vision.interface import Task, Wanted

    if task not in set(Task):
        msg = f"{task} is none of {', '.join(Task)}"
        raise typer.BadParameter(msg, param_hint="--task")
    raise typer.Exit(run(files, _settings(), Wanted(picture=b"", task=Task(task), local_only=local_only), as_json=as_json))


@program.command()
def demo() -> None:
    """Make the sample documents, read them over HTTP, and show what was found."""
    from converto.commands.demo import demo as run

    raise typer.Exit(run())


@program.command("fake-stripe")
def fake_stripe(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 12111,
    webhook_url: Annotated[
        str, typer.Option(help="What hears of everything; empty means nothing does.")
    ] = "http://127.0.0.1:8000/billing/webhooks/stripe",
    key: Annotated[str, typer.Option(help="The key that it asks for.")] = "sk_test_fake",
    secret: Annotated[str, typer.Option(help="What it signs webhooks with.")] = "whsec_fake",  # noqa: S107 - no money passes through it
) -> None:
    """Serve our own Stripe, with a state of its own, through which no money passes."""
    from converto.commands.fake_stripe import serve as run

    run(host=host, port=port, webhook_url=webhook_url, key=key, secret=secret)


@billing.command("plans")
def billing_plans() -> None:
    """Show the plans on sale, and what they hold."""
    from converto.commands.billing import plans

    plans()


@billing.command("usage")
def billing_usage(company: Annotated[UUID, typer.Argument(help="The company, by its id.")]) -> None:
    """Show what a company may do, and what of it is used."""
    from converto.commands.billing import usage

    usage(_settings(), company)


@billing.command("reconcile")
def billing_reconcile() -> None:
    """Compare every company that pays with Stripe, and mend what is ours."""
    from converto.commands.billing import reconcile

    raise typer.Exit(reconcile(_settings()))


@billing.command("invariants")
def billing_invariants(
    *, repair: Annotated[bool, typer.Option(help="Make counters anew from their events where they differ.")] = False
) -> None:
    """Say whether every counter is what its events add up to; ends with 1 where one is not."""
    from converto.commands.billing import invariants

    raise typer.Exit(invariants(_settings(), repair=repair))


@billing.command("token")
def billing_token(
    name: Annotated[str, typer.Argument(help="Who it is for; it stands in the token.")],
    *,
    days: Annotated[int, typer.Option(min=1, max=366, help="For how long it is good.")] = 1,
) -> None:
    """Print an access token for refunds, corrections and what is agreed with single companies."""
    from converto.commands.service_tokens import show
    from converto.kernel.service_token import OF_BILLING

    show(_settings(), name, days=days, scopes=OF_BILLING)


@user.command("create")
def user_create(
    email: Annotated[str, typer.Option(help="What the person signs in with.", prompt="E-mail")],
    name: Annotated[str, typer.Option(help="The person's name.", prompt="Full name")],
    company: Annotated[str, typer.Option(help="The company that they own.", prompt="Company")],
    password: Annotated[
        str,
        typer.Option(envvar="CONVERTO_NEW_PASSWORD", help="Better asked for than written here.", prompt=True, hide_input=True),
    ],
) -> None:
    """Open an account and its company, also where registration is closed."""
    from converto.auth.sign_in.interface import Registration
    from converto.commands.people import create

    registration = Registration(email=email, password=SecretStr(password), full_name=name, company_name=company)
    raise typer.Exit(create(_settings(), registration))


@user.command("disable")
def user_disable(email: Annotated[str, typer.Argument(help="What the person signs in with.")]) -> None:
    """Let a person in no more, and end their sessions at once."""
    from converto.commands.people import disable

    raise typer.Exit(disable(_settings(), email))


@program.command()
def fake_models(port: Annotated[int, typer.Option(help="The port to listen on.")] = 8099) -> None:
    """Serve a provider of models that costs nothing and says the same few words, in the dialects of OpenAI, Anthropic and Gemini."""
    import uvicorn

    from converto.commands.fake_models import FakeModels

    uvicorn.run(FakeModels(), host="127.0.0.1", port=port, log_level="warning")


@user.command("enable")
def user_enable(email: Annotated[str, typer.Argument(help="What the person signs in with.")]) -> None:
    """Let a person in again."""
    from converto.commands.people import enable

    raise typer.Exit(enable(_settings(), email))


@keys.command("rotate")
def keys_rotate() -> None:
    """Let the next key sign from now on; nobody is signed out by it."""
    from converto.commands.keys import rotate

    raise typer.Exit(rotate(_settings()))


@keys.command("show")
def keys_show() -> None:
    """Show which keys there are, and since when each signs."""
    from converto.commands.keys import show

    show(_settings())


@audit.command("verify")
def audit_verify(
    company: Annotated[UUID | None, typer.Option(help="One company alone, by its id.")] = None,
) -> None:
    """Say whether audit logs and VAT entries are as they were written, or what is the first that is not; ends with 1 where one is not."""
    from converto.commands.audit import verify_logs

    raise typer.Exit(verify_logs(_settings(), company))


def _settings(modules: str = "") -> Settings:
    settings = Settings(modules=modules) if modules else Settings()
    log.configure(level=settings.log_level, log_format=settings.log_format)
    return settings


def main() -> None:
    """Run the command line; what cannot start says why in one sentence."""
    try:
        program(standalone_mode=True)
    except CannotStart as refusal:
        sys.exit(f"converto: {refusal}")
    except ValidationError as error:
        faults: dict[str, list[str]] = {}
        for wrong in error.errors():
            # what comes after a place in a list says how it was read, which is no name of a setting
            name = "__".join(str(part) for part in takewhile(lambda part: isinstance(part, str), wrong["loc"]))
            faults.setdefault(name, []).append(wrong["msg"])
        for name, found in faults.items():
            print(f"converto: {error.title}: {name}: {'; '.join(dict.fromkeys(found))}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
