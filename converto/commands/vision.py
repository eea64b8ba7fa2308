"""Pictures looked at on this machine, without a server: `converto vision FILE...`."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from converto.app import migrate
from converto.commands.show import plain
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id
from converto.kernel.config import Settings
from converto.kernel.errors import Error
from converto.kernel.metrics import new_registry
from converto.kernel.runtime import Runtime
from converto.modules import installed
from converto.vision.interface import Task, Vision, Wanted

SOME_FAILED = 1
MODULES = ("vision", "ocr", "ai")
Analysis = Mapping[str, Any]


def vision(paths: Sequence[Path], settings: Settings, wanted: Wanted, *, as_json: bool = False) -> int:
    """Look at pictures, show what is told of each, and return the exit code: 0, or 1 when some failed.

    Nothing is kept: neither what is told nor what models have cost, which is shown.
    """
    return asyncio.run(_look(paths, settings, wanted, as_json=as_json))


async def _look(paths: Sequence[Path], settings: Settings, wanted: Wanted, *, as_json: bool) -> int:
    console, failed = Console(), False
    actor = Actor.service(new_id(), "vision:write")
    async with _opened(settings) as asked:
        for path in paths:
            try:
                picture = await asyncio.to_thread(path.read_bytes)
                told: Analysis = (await asked.analyze(actor, wanted.model_copy(update={"picture": picture}))).model_dump(mode="json")
            except Error as error:
                failed, told = True, {"status": "failed", "error": {"code": error.code, "detail": error.detail}}
            except OSError as error:
                failed, told = True, {"status": "failed", "error": {"code": "file", "detail": error.strerror or str(error)}}
            if as_json:
                print(json.dumps({"filename": str(path), **told}, ensure_ascii=False), flush=True)
            else:
                console.print(_table(path, told))
    return SOME_FAILED if failed else 0


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Vision]:
    """Host vision, and what it asks, on databases that are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="converto-vision-") as folder:
        alone = {"modules": MODULES, "remote": {}, "data_dir": Path(folder), "database_url": None, "database_owner_url": None}
        here = settings.model_copy(update={**alone, "events": Settings.model_fields["events"].default})
        await migrate(here, installed())
        runtime = Runtime(here, installed(), metrics=new_registry())
        async with runtime.running():
            bound: Any = runtime.interfaces[Vision]  # type: ignore[type-abstract]
            yield bound


def _table(path: Path, told: Analysis) -> Table:
    table = Table(
        title=Text(plain(path)), title_justify="left", min_width=len(str(path)), show_header=False, show_edge=False, pad_edge=False
    )
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(told):
        table.add_row(name, Text(plain(value)))
    return table


def _rows(told: Analysis) -> list[tuple[str, object]]:
    if told["status"] == "failed":
        return [("Failed", told["error"]["detail"])]
    rows: list[tuple[str, object]] = [("Told by", told["model"]), ("Cost", told["cost"])]
    rows += [("Description", told["description"])] if told["description"] else []
    rows += [("Faces", told["face_count"])] if told["face_count"] is not None else []
    rows += [("Object", f"{one['label']} ({one['confidence']:.0%})") for one in told["objects"]]
    rows += [(one["format"], one["text"]) for one in told["codes"]]
    receipt, device = told["receipt"] or {"fields": {}}, told["device"] or {}
    rows += [(_spoken(name), f"{plain(one['value'])} ({one['source']})") for name, one in receipt["fields"].items() if one]
    rows += [(_spoken(name), one["value"]) for name, one in device.items() if isinstance(one, Mapping)]
    rows += [("IMEI", one["value"]) for one in device.get("imei", ())]
    rows += [("Text", told["text"]["text"])] if told["task"] == Task.TEXT and told["text"] else []
    return [*rows, *(("Warning", one) for one in told["warnings"])]


def _spoken(name: str) -> str:
    return name.replace("_", " ").capitalize()
