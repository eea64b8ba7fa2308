"""`converto modules`: which modules there are, where each lives, and whether it answers."""

import asyncio
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

import converto
from converto.kernel.config import Settings
from converto.kernel.discovery import watch
from converto.kernel.manifest import Module
from converto.kernel.metrics import new_registry
from converto.kernel.replicas import Replica
from converto.kernel.runtime import Runtime
from converto.modules import installed

Row = tuple[str, Text, str, str]
"""Where it lives, whether it answers, how long that takes, and its version."""


def modules(settings: Settings) -> int:
    """Ask every replica of the modules elsewhere how it is, print a table, and return 1 where a module does not answer at all."""
    runtime = Runtime(settings, installed(), metrics=new_registry())
    asyncio.run(_look(runtime))
    owners = {module.interface: name for name, module in runtime.known.items() if module.interface is not None}
    table = Table("module", "lives", "answers", "latency", "version", "needs")
    for name, module in runtime.known.items():
        needs = ", ".join(owners[need] for need in module.needs)
        for number, row in enumerate(_rows(runtime, module)):
            table.add_row(name if number == 0 else "", *row, needs if number == 0 else "")
    Console().print(table)
    missed = [name for name, replicas in runtime.replicas.items() if all(replica.failures for replica in replicas.all)]
    if missed:
        Console().print(
            Text(f"No answer from {', '.join(missed)}: start it, or correct CONVERTO_REMOTE__{missed[0].upper()}.", style="red")
        )
    return 1 if missed else 0


async def _look(runtime: Runtime) -> None:
    if runtime.replicas:
        await runtime.discovery().look()
        async with runtime.client() as client:
            for _ in range(2):  # the first look pays for what the client loads and for the connection, as calls later do not
                for replica in (replica for replicas in runtime.replicas.values() for replica in replicas.all):
                    replica.latency_s = None
                await asyncio.gather(*(watch(replicas, client) for replicas in runtime.replicas.values()))


def _rows(runtime: Runtime, module: Module) -> Iterator[Row]:
    if module.name in runtime.replicas:
        for replica in runtime.replicas[module.name].all:
            yield _row(replica)
    elif module in runtime.here:
        yield "here", Text("in this process", style="dim"), "", converto.__version__
    else:
        yield "nowhere", Text("nobody needs it", style="dim"), "", ""


def _row(replica: Replica) -> Row:
    answers = Text(replica.problem or "yes", style="red" if replica.problem else "green")
    latency = "" if replica.latency_s is None else f"{replica.latency_s * 1000:.1f} ms"
    return replica.label, answers, latency, replica.version or ""
