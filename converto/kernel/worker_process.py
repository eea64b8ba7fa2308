"""The life of a worker process: jobs on standard input, answers on standard output, and an end with whoever started it.

A job is a line of JSON: `{"call": ..., "path": ..., ...}`. What comes back is five bytes, its length and its kind, and its body: how far it
is, as often as that changes, and in the end the answer.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from converto.kernel.errors import Error, to_wire
from converto.kernel.worker_answers import DONE, FAILED, HEADER, UNDER_WAY

# The server answers first, whatever is being worked at.
NICENESS = 10
# Less than that beside other sessions: at 10 a machine that is busy with other things hardly works any more, at 0 the server's slowest
# answers took four times as long.
SESSION_NICENESS = 5
_PR_SET_PDEATHSIG = 1

UnderWay = Callable[[int], None]
"""Told how far a job is."""
Work = Callable[[dict[str, Any], UnderWay], bytes]
"""Does a job and returns the answer."""


def serve(work: Work, arguments: Sequence[str], *, too_much_memory: Callable[[], Error], stopped: Callable[[], Error]) -> None:
    """Answer jobs until standard input ends; the arguments are the parent's number and the most bytes of memory."""
    parent_pid, max_memory_bytes = map(int, arguments)
    _die_with(parent_pid)
    _give_way()
    resource.setrlimit(resource.RLIMIT_AS, (max_memory_bytes, max_memory_bytes))
    # What a library prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        failure: Error
        try:
            body = work(json.loads(line), lambda done: _answer(answers, UNDER_WAY, str(done).encode()))
        except Error as error:
            failure = error
        except MemoryError:
            failure = too_much_memory()
        except Exception:  # noqa: BLE001  whatever a document provokes, the next one is taken up
            traceback.print_exc()
            failure = stopped()
        else:
            _answer(answers, DONE, body)
            continue
        _answer(answers, FAILED, to_wire(failure).model_dump_json().encode())


def _answer(answers: BinaryIO, kind: int, body: bytes) -> None:
    answers.write(HEADER.pack(len(body), kind))
    answers.write(body)
    answers.flush()


def _give_way() -> None:
    os.nice(NICENESS)
    # Linux shares out a desktop's or a virtual machine's cores among sessions before it looks at a process's own niceness, and this
    # process leads a session.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(SESSION_NICENESS), encoding="ascii")


def _die_with(parent_pid: int) -> None:
    """End this process and what it runs when the server ends, however it ends."""
    # This process leads a group of its own; what it runs is in it. SIGTERM comes from the kernel when the server is gone.
    signal.signal(signal.SIGTERM, lambda *_: os.killpg(0, signal.SIGKILL))
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent_pid:
        sys.exit(0)
