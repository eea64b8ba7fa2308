"""Waiting over HTTP: long polls and event streams, which end when nobody listens any more or the process is about to end."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar
from uuid import UUID

from starlette.requests import Request

from converto.events.interface import Events, Live, UnknownSubscription
from converto.kernel.actor import Actor
from converto.kernel.context import within
from converto.kernel.drain import Drain
from converto.kernel.errors import TimedOut, Unavailable
from converto.kernel.web import COME_BACK, LONGEST_STREAM_S

T = TypeVar("T")
BEAT_S = 15.0
"""A stream on which nothing happens says so this often, so that nothing between us and the listener takes it for dead."""


async def unless_gone(request: Request, call: Awaitable[T]) -> T | None:
    """Return what a call gives, or None where its caller hangs up before: then the call is cancelled."""
    calling, gone = asyncio.ensure_future(call), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({calling, gone}, return_when=asyncio.FIRST_COMPLETED)
        return calling.result() if not gone.done() else None
    finally:
        for task in (calling, gone):
            task.cancel()
        await asyncio.gather(calling, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def frames(events: Events, actor: Actor, subscription_id: UUID, *, begin: Live, drain: Drain) -> AsyncIterator[str]:
    """Yield Server-Sent Events from a first look on, until the process is about to end or the group is gone."""
    until = time.monotonic() + LONGEST_STREAM_S
    yield COME_BACK
    found: Live | None = begin
    while found is not None:
        for seen in found.seen:
            yield f"id: {seen.position}\nevent: {seen.event.type}\ndata: {seen.event.model_dump_json()}\n\n"
        # an id without data is no event to a browser, but where it goes on from
        yield f": here\nid: {found.position}\n\n"
        if time.monotonic() >= until:
            return
        # the deadline of the request is for its answer, which has begun
        with within(deadline=None):
            try:
                found = await drain.or_done(events.live(actor, subscription_id, after=found.position, wait_s=BEAT_S))
            except (UnknownSubscription, Unavailable, TimedOut):
                return
