"""`converto keys`: the keys that access tokens are signed with."""

import asyncio
import sys
from datetime import datetime, timedelta
from typing import Final

from converto.auth.signing import LOOK_AGAIN_S, Tools
from converto.commands.keeper import keeper
from converto.kernel.clock import now
from converto.kernel.config import Settings

SETTLED_AFTER: Final = 2 * timedelta(seconds=LOOK_AGAIN_S)
"""By then every process has read the keys anew."""


def rotate(settings: Settings) -> int:
    """Let the next key sign, and print the keys; returns the exit code: 1 where the last rotation was only just now.

    Nobody is signed out: what the former key has signed is good until it ends.
    """
    tools = asyncio.run(_rotated(settings))
    if tools is None:
        seconds = SETTLED_AFTER.total_seconds()
        print(
            f"converto: the keys were rotated less than {seconds:.0f} s ago, and not every process knows the next one yet", file=sys.stderr
        )
        return 1
    _print(tools)
    print(f"Other processes sign with it within {LOOK_AGAIN_S:.0f} s; until then they sign with the one before, which is still good.")
    return 0


def show(settings: Settings) -> None:
    """Print the keys and how old they are."""
    _print(asyncio.run(_tools(settings)))


async def _rotated(settings: Settings) -> Tools | None:
    async with keeper(settings) as own:
        ring = (await own.service.signing.tools()).ring
        if ring.previous and now() - ring.rotated_at < SETTLED_AFTER:
            return None
        await own.service.signing.rotate()
        return await own.service.signing.tools()


async def _tools(settings: Settings) -> Tools:
    async with keeper(settings) as own:
        return await own.service.signing.tools()


def _print(tools: Tools) -> None:
    ring, moment = tools.ring, now()
    print(f"signs     {ring.current.kid}  since {_ago(ring.rotated_at, moment)}")
    print(f"next      {ring.next.kid}")
    for key, until in ring.previous:
        print(f"previous  {key.kid}  signed until {_ago(until, moment)}")


def _ago(at: datetime, moment: datetime) -> str:
    age = moment - at
    return f"{at:%Y-%m-%d %H:%M} UTC, {age.days} days ago" if age.days else f"{at:%Y-%m-%d %H:%M} UTC, today"
