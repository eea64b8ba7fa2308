"""The commands of whoever runs an installation: migrations, the OpenAPI document."""

import asyncio
import json
import sys

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


def openapi(settings: Settings) -> None:
    """Print the OpenAPI document of every module served here."""
    json.dump(create_app(settings).openapi(), sys.stdout, indent=2, ensure_ascii=False)
    print()
