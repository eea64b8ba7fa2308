"""Trimming a stream: by age, and never what a group has yet to read or to acknowledge."""

from datetime import timedelta
from typing import Any

import structlog

from converto.events.redis_connection import whole
from converto.kernel.clock import now

log = structlog.get_logger()

EntryId = tuple[int, int]
"""Milliseconds and a number: what Redis calls an entry by."""
IDLE_CONSUMER_MS = 24 * 3600 * 1000
LAG_WORTH_A_WARNING = 100_000


async def trim(client: Any, stream: str, *, keep: timedelta, idle_consumer_ms: int = IDLE_CONSUMER_MS) -> int:
    """Delete what is older than `keep` and no group needs any more; returns how many entries that were.

    A group that reads no longer holds everything back, so that it finds it when it returns; how far it lags is logged.
    """
    oldest = (round((now() - keep).timestamp() * 1000), 0)
    for group in await whole(client.xinfo_groups(stream)):
        oldest = min(oldest, await _needed_by(client, stream, group))
        await _forget_consumers(client, stream, group["name"], idle_ms=idle_consumer_ms)
    trimmed = 0
    while gone := await whole(client.xtrim(stream, minid=f"{oldest[0]}-{oldest[1]}", approximate=True)):
        trimmed += gone
    return trimmed


async def _needed_by(client: Any, stream: str, group: dict[str, Any]) -> EntryId:
    """Return the first entry that a group has not acknowledged."""
    if (group.get("lag") or 0) > LAG_WORTH_A_WARNING:
        log.warning("events.group_lags", stream=stream, group=_text(group["name"]), lag=group["lag"])
    if group["pending"]:
        summary = await whole(client.xpending(stream, group["name"]))
        if summary["min"] is not None:
            return _entry_id(summary["min"])
    milliseconds, number = _entry_id(group["last-delivered-id"])
    return (milliseconds, number + 1)


async def _forget_consumers(client: Any, stream: str, group: Any, *, idle_ms: int) -> None:
    """Let go of processes that are no more; each start of one leaves a name behind."""
    for consumer in await whole(client.xinfo_consumers(stream, group)):
        if not consumer["pending"] and consumer["idle"] > idle_ms:
            await whole(client.xgroup_delconsumer(stream, group, consumer["name"]))


def _entry_id(text: bytes | str) -> EntryId:
    milliseconds, _, number = _text(text).partition("-")
    return (int(milliseconds), int(number))


def _text(given: bytes | str) -> str:
    return given.decode() if isinstance(given, bytes) else given
