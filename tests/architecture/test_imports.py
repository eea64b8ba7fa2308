"""Nothing happens at import, and what is heavy is imported by the one who uses it."""

import json
import os
import subprocess
import sys
from typing import Any

from tests.architecture.source import PROGRAM, ROOT, module_name, python_files

HEAVY = {
    *("numpy", "litellm", "stripe", "cv2", "onnxruntime", "opentelemetry.sdk", "zxingcpp"),
    *("PIL", "pypdfium2", "pytesseract", "alembic", "rich", "pygments"),
}

# Imports the modules named on the command line in an empty process, and prints which of them did something, and what.
WATCH = """
import importlib, json, os, sys, threading
done, current = [], ""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
DEEDS = ("socket.", "subprocess.", "os.system", "os.fork", "os.mkdir", "os.remove", "os.rename", "os.putenv", "os.unsetenv",
         "shutil.", "sqlite3.connect", "tempfile.", "urllib.", "http.")
def watch(event, arguments):
    if arguments and arguments[0] == b"OPENBLAS_MAIN_FREE":  # numpy's own, of every process that loads it
        return
    if event == "open" and isinstance(arguments[0], (str, bytes)) and arguments[2] & WRITING or event.startswith(DEEDS):
        done.append([current, event, repr(arguments)[:200]])
sys.addaudithook(watch)
for current in sys.argv[1:]:
    importlib.import_module(current)
    done += [[current, "thread", thread.name] for thread in threading.enumerate()[1:]]
print(json.dumps({"done": done, "loaded": sorted(sys.modules)}))
"""


def test_importing_any_module_opens_nothing() -> None:
    modules = [module_name(file) for file in python_files(PROGRAM) if file.name != "__main__.py"]
    assert _imported(*modules, "converto.__main__")["done"] == []


def test_the_watch_sees_what_an_import_does() -> None:
    done = _imported("tests.architecture.busy_at_import")["done"]
    assert {deed for _, deed, _ in done} >= {"open", "socket.__new__", "thread"}


def test_the_application_loads_nothing_heavy() -> None:
    modules = [module_name(file) for file in python_files(PROGRAM) if file.name == "module.py"]
    loaded = _imported("converto.__main__", "converto.commands.serve", *modules)["loaded"]
    assert "converto.ocr.service" in loaded
    assert HEAVY & set(loaded) == set()


def _imported(*modules: str) -> dict[str, Any]:
    surroundings = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", WATCH, *modules], env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
