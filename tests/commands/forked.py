"""Commands in processes of their own that have the program loaded already: to load it takes longer than most commands."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

LONGEST_S = 60
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["converto.__main__", "converto.app", "converto.modules", "converto.commands.serve"])


def run(arguments: Sequence[str], settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `converto ...` with the settings beside what this process has, and return how it ended. Raises TimeoutError."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = _processes.Process(target=_command, args=(list(arguments), {**os.environ, **settings}, str(out), str(err)))
        process.start()
        process.join(LONGEST_S)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(arguments)
        return subprocess.CompletedProcess(arguments, process.exitcode, out.read_text(), err.read_text())


def _command(arguments: list[str], environment: dict[str, str], out: str, err: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for number, file in ((1, out), (2, err)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), number)
    sys.argv = ["converto", *arguments]
    from converto.__main__ import main  # noqa: PLC0415 - it is loaded already, but not in the process of the tests

    main()
