"""Failures counted in Redis, where the installation has one: each try is one command, and no sign-in waits for another's row."""

import asyncio
import contextlib
import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from redis.exceptions import RedisError

from converto.auth.throttle import FORGOTTEN_AFTER, Tally, Try
from converto.events.redis_connection import RedisConnection
from converto.kernel.database import Transaction
from converto.kernel.errors import Unavailable

ANSWER_WITHIN_S: Final = 2.0
PLACE: Final = "{converto:auth:failures}:"
"""The braces keep all counts on one node of a cluster: a try looks at several at once."""

# The same rules as throttle.tried. Arguments: the moment in ms, the number of the alarm's key or 0, then for each key what is free, the
# longest wait in s, the ms after which it is forgotten, and 1 where these are a window that begins with the first failure.
COUNT: Final = """
local at, alarm, waits = tonumber(ARGV[1]), tonumber(ARGV[2]), 0
local kept, alarmed = {}, false
for i, key in ipairs(KEYS) do
  local f = redis.call('HMGET', key, 'failures', 'last', 'until')
  local rule = {free = tonumber(ARGV[4*i-1]), longest = tonumber(ARGV[4*i]), memory = tonumber(ARGV[4*i+1]), window = ARGV[4*i+2] == '1'}
  local failures, last = tonumber(f[1] or 0), tonumber(f[2] or at)
  local counted = (at - last > rule.memory) and 1 or failures + 1
  kept[i] = {rule = rule, failures = counted, last = (rule.window and counted > 1) and last or at}
  if i == alarm then alarmed = counted > rule.free else waits = math.max(waits, tonumber(f[3] or 0) - at) end
end
if waits > 0 then return waits end
for i, key in ipairs(KEYS) do
  local k = kept[i]
  local free, wait = alarmed and 0 or k.rule.free, 0
  if i ~= alarm and k.failures > free then wait = math.min(k.rule.longest, 2 ^ math.min(k.failures - free - 1, 30)) * 1000 end
  local blocked = wait > 0 and string.format('%.0f', at + wait) or 0
  redis.call('HSET', key, 'failures', k.failures, 'last', string.format('%.0f', k.last), 'until', blocked)
  redis.call('PEXPIRE', key, string.format('%.0f', k.rule.memory + wait))
end
return 0
"""
# Argument: how many of the keys are forgotten; the others give one failure back.
TAKE_BACK: Final = """
for i, key in ipairs(KEYS) do
  local failures = tonumber(redis.call('HGET', key, 'failures') or 0)
  if i <= tonumber(ARGV[1]) or failures <= 1 then redis.call('DEL', key)
  else redis.call('HSET', key, 'failures', failures - 1, 'until', 0) end
end
return 0
"""


class RedisCounts:
    """Counts in Redis, and lets nobody in where it does not answer."""

    def __init__(self, url: str) -> None:
        self._connection = RedisConnection(url)

    async def count(self, this: Try, at: datetime) -> float | None:
        """Count a try, or return for how many seconds it has to wait. Raises Unavailable."""
        tallies = this.tallies
        alarm = next((number for number, tally in enumerate(tallies, 1) if tally is this.alarm), 0)
        waits_ms = await self._run(COUNT, tallies, _ms(at), alarm, *(part for tally in tallies for part in _rule(tally)))
        return waits_ms / 1000 if waits_ms else None

    async def forget(self, _: Transaction, this: Try) -> None:
        """Take a right try back, with the failures before it; it stays so if the transaction fails, for the password was right."""
        shared = [*this.others, *([this.alarm] if this.alarm else [])]
        await self._run(TAKE_BACK, [*this.mine, *shared], len(this.mine))

    async def take_back(self, this: Try) -> None:
        """Take a try back, and nothing before it."""
        await self._run(TAKE_BACK, this.tallies, 0)

    async def close(self) -> None:
        """End the connection."""
        await self._connection.close()

    async def _run(self, script: str, tallies: Sequence[Tally], *arguments: object) -> int:
        keys = [PLACE + tally.key.hex() for tally in tallies]
        with _or_unavailable():
            async with asyncio.timeout(ANSWER_WITHIN_S):
                client = await self._connection.client()
                return int(await client.eval(script, len(keys), *keys, *(str(argument) for argument in arguments)))


@contextlib.contextmanager
def _or_unavailable() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise Unavailable(module="auth", retry_after_s=2) from error


def _ms(at: datetime) -> int:
    return math.floor(at.timestamp() * 1000)


def _rule(tally: Tally) -> tuple[int, int, int, int]:
    throttle = tally.throttle
    memory = throttle.window or FORGOTTEN_AFTER
    return throttle.free, throttle.longest_s, memory // timedelta(milliseconds=1), int(throttle.window is not None)
