"""The commands of whoever runs an installation: migrations, modules, settings."""

import asyncio
import json
import sys

from rich.console import Console
from rich.table import Table

from converto.app import create_app
from converto.app import migrate as upgrade
from converto.kernel.config import Settings
from converto.kernel.metrics import new_registry
from converto.kernel.runtime import Runtime
from converto.modules import installed


def migrate(settings: Settings) -> None:
    """Bring every database of this process to its newest revision, and say so."""
    asyncio.run(upgrade(settings))
    names = [module.name for module in Runtime(settings, installed(), metrics=new_registry()).here if module.tables is not None]
    print(f"The databases of {', '.join(names)} are at their newest revision.")


def modules(settings: Settings) -> None:
    """Print which modules there are and where each lives."""
    runtime = Runtime(settings, installed(), metrics=new_registry())
    table = Table("module", "lives", "needs")
    for name, module in runtime.known.items():
        where = settings.remote.get(name) or ("here" if module in runtime.here else "nowhere")
        owners = {other.interface: other.name for other in runtime.known.values() if other.interface is not None}
        table.add_row(name, where, ", ".join(owners[need] for need in module.needs))
    Console().print(table)


def openapi(settings: Settings) -> None:
    """Print the OpenAPI document of every module served here."""
    json.dump(create_app(settings).openapi(), sys.stdout, indent=2, ensure_ascii=False)
    print()
