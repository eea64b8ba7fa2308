"""How far a scan is, as Server-Sent Events."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any
from uuid import UUID

from converto.kernel.actor import Actor
from converto.kernel.context import within
from converto.kernel.drain import Drain
from converto.kernel.errors import TimedOut, Unavailable
from converto.kernel.web import COME_BACK, LONGEST_STREAM_S
from converto.ocr.interface import FINISHED, Ocr, ScanProgress, UnknownScan

SILENT_S = 40.0
"""The reader gives a sign of life every 15 s; one that is silent for so long is taken for gone."""
AGAIN_S = 1.0


async def standings(ocr: Ocr, actor: Actor, scan_id: UUID, *, drain: Drain) -> AsyncGenerator[ScanProgress, None]:
    """Yield how far a scan is until it is finished or this process is about to end.

    Raises UnknownScan, Unavailable or TimedOut before the first; after it a reader that ends is followed by the next one that answers, and
    a scan that is removed is the end.
    """
    until, has_begun = time.monotonic() + LONGEST_STREAM_S, False
    while time.monotonic() < until and not drain.has_begun:
        told: Any = ocr.progress(actor, scan_id)
        try:
            async with aclosing(told):
                while (stands := await _next(told, drain)) is not None:
                    has_begun = True
                    yield stands
                    if time.monotonic() >= until:
                        return
                return
        except (Unavailable, TimedOut, TimeoutError):
            if not has_begun:
                raise
        except UnknownScan:
            if not has_begun:
                raise
            return
        await drain.or_done(asyncio.sleep(AGAIN_S))


async def _next(told: AsyncIterator[ScanProgress], drain: Drain) -> ScanProgress | None:
    # the deadline of the request is for its answer, which has begun
    with within(deadline=None):
        return await drain.or_done(asyncio.wait_for(anext(told, None), SILENT_S))


async def frames(first: ScanProgress, rest: AsyncGenerator[ScanProgress, None], *, last_seen: int | None) -> AsyncIterator[str]:
    """Yield Server-Sent Events from the first standing on, but for what the listener has seen already."""
    yield COME_BACK + _frame(first, last_seen)
    last_seen = first.revision
    async with aclosing(rest):
        async for stands in rest:
            yield _frame(stands, last_seen)
            last_seen = stands.revision


def _frame(stands: ScanProgress, last_seen: int | None) -> str:
    if stands.revision == last_seen:
        return ": nothing new\n\n"
    name = "finished" if stands.status in FINISHED else "progress"
    return f"id: {stands.revision}\nevent: {name}\ndata: {stands.model_dump_json()}\n\n"
