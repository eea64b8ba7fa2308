"""`converto serve`: one process, from its start to its last answer."""

import asyncio
import contextlib
import ctypes
import gc
import math
import multiprocessing
import signal
import socket
import sys
import time
from collections.abc import Sequence

import structlog
import uvicorn
import uvloop

from converto.app import create_app, is_outdated, migrate
from converto.gateway.door import Door
from converto.kernel.config import CannotStart, ModuleSettings, Settings
from converto.kernel.drain import Drain
from converto.kernel.log import configure
from converto.kernel.manifest import Module
from converto.kernel.runtime import Runtime
from converto.kernel.tracing import traced

log = structlog.get_logger()

GRACE_S = 5
"""How long running requests may take to finish once the process is told to stop."""
LOOK_FOR_GARBAGE = (10_000, 20, 20)
"""A look for garbage comes once so many things more were made than let go: with 700, as is usual, it meets what requests still need."""
ACCEPTS = 8
"""How many connections are taken in one turn of the event loop. uvloop takes one a listening socket: while turns are long, such as under
too many requests, others would wait at the door for seconds, and so each of several sockets listens at the same door."""
LARGE_BYTES = 1_000_000
"""A block of memory of this size goes back to the system as soon as it is free."""
FREE_LISTS = 2
"""Unless told glibc keeps up to eight for each core, and what threads freed lay about in them: 10 MB, and more with each hour of work."""
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # of malloc.h


def serve(settings: Settings, *, host: str, port: int, migrates: bool, modules: Sequence[Module] | None = None) -> None:
    """Serve until SIGINT or SIGTERM, then finish what is running; all that is installed, unless modules are given. Raises CannotStart."""
    _give_memory_back()
    listener = _listen(host, port)
    if migrates and asyncio.run(is_outdated(settings, modules)):
        _migrate_apart(settings, modules, listener=listener)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, listener, modules))


def _migrate_apart(settings: Settings, modules: Sequence[Module] | None, *, listener: socket.socket) -> None:
    """Bring the databases to their newest revision, in a process that takes along what only that loads: 15 MB. Raises CannotStart."""
    processes = multiprocessing.get_context("fork")
    refusals, refuses = processes.Pipe(duplex=False)

    def run() -> None:
        listener.close()
        try:
            asyncio.run(migrate(settings, modules))
        except CannotStart as refusal:
            refuses.send(str(refusal))

    process = processes.Process(target=run, name="migrate")
    process.start()
    refuses.close()
    process.join()
    if process.exitcode:
        sys.exit(process.exitcode if process.exitcode > 0 else 1)  # it has said why
    if refusals.poll():
        with contextlib.suppress(EOFError):
            raise CannotStart(refusals.recv())


def _give_memory_back() -> None:
    # glibc raises its own bound to the largest block that it has seen freed: one password hashed, and each of the threads that hash
    # kept 20 MB for good. Other libraries than glibc have no such call, and no such habit.
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(_M_ARENA_MAX, FREE_LISTS)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        msg = f"Cannot listen on {host}:{port} ({error.strerror}): choose another one by --host and --port."
        raise CannotStart(msg) from error
    listener.listen(2048)
    listener.setblocking(False)  # noqa: FBT003 - the name says what is false
    return listener


async def _serve(settings: Settings, listener: socket.socket, modules: Sequence[Module] | None) -> None:
    app = create_app(settings, modules)
    _let_modules_tell(settings, app.state.runtime)
    config = uvicorn.Config(
        app,
        http=Door,
        lifespan="off",  # entered here, so that what cannot start is one sentence and not a trace
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, lambda *_: None)  # uvicorn raises the signal once more after its drain: by then it has done its work
    async with traced(settings), app.router.lifespan_context(app):
        gc.freeze()  # what is there now stays to the end: no look for garbage has to pass it again
        gc.set_threshold(*LOOK_FOR_GARBAGE)
        gc.enable()
        host, port = listener.getsockname()[:2]
        log.info("program.serves", url=f"http://{f'[{host}]' if ':' in host else host}:{port}", modules=list(app.state.runtime.hosted))
        server = _Server(config, app.state.runtime.drain, delay_s=settings.stop_delay_s)
        await server.serve(sockets=[listener, *(listener.dup() for _ in range(ACCEPTS - 1))])
    log.info("program.stopped")


def _let_modules_tell(settings: Settings, runtime: Runtime) -> None:
    """Have each module tell from the level on that it has of its own."""
    levels = {}
    for module in runtime.here:
        level = ModuleSettings.of(module.name).log_level
        if level is not None:
            levels[module.package] = level
    if levels:
        configure(level=settings.log_level, log_format=settings.log_format, levels=levels)


class _Server(uvicorn.Server):
    """Serves on for a while once it is told to stop, so that others hear of it first.

    Then it lets go of those who wait before it waits for those who work: an open event stream would hold it up for the whole grace time.
    """

    def __init__(self, config: uvicorn.Config, drain: Drain, *, delay_s: float) -> None:
        super().__init__(config)
        self._drain = drain
        self._delay_s = delay_s
        self._stops_at = math.inf

    async def on_tick(self, counter: int) -> bool:
        """Tell, ten times a second, whether it is time to go."""
        if not await super().on_tick(counter):
            return False
        if not self._drain.is_announced:
            self._drain.announce()
            self._stops_at = time.monotonic() + self._delay_s
            log.info("program.stopping", delay_s=self._delay_s)
        return self.force_exit or time.monotonic() >= self._stops_at

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, and end those that there are."""
        self._drain.begin()
        await super().shutdown(sockets)
