"""Counting for several processes together: in one Redis, by the clock of that Redis."""

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic

import structlog

from converto.events.redis_connection import RedisConnection
from converto.gateway.rates import Measure, NobodyCounts

log = structlog.get_logger()

ANSWER_WITHIN_S = 0.5
"""A limit is not worth a longer wait."""
LOOK_AGAIN_S = 1.0
"""For so long nobody asks a Redis that has not answered."""

# One principal's quotas stand under keys that a cluster keeps together. Either all of them are counted, or none.
_SCRIPT = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1e6
local told, refused = {}, false
for i, key in ipairs(KEYS) do
  local each, most = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local ahead = math.max(tonumber(redis.call('GET', key) or '0') - now, 0) + each
  if ahead > most + 1e-6 then
    refused = true
    told[i] = most - ahead
  else
    told[i] = ahead
  end
end
if not refused then
  for i, key in ipairs(KEYS) do
    redis.call('SET', key, string.format('%.6f', now + told[i]), 'PX', math.ceil(told[i] * 1000) + 1000)
  end
end
for i, ahead in ipairs(told) do
  if refused and ahead >= 0 then ahead = ahead - tonumber(ARGV[2 * i - 1]) end
  told[i] = string.format('%.6f', ahead)
end
return told
"""


class RedisRates:
    """The same count as `Rates`, shared by every process that asks the same Redis."""

    def __init__(self, url: str, *, clock: Callable[[], float] = monotonic) -> None:
        self._connection = RedisConnection(url)
        self._clock = clock
        self._gone_until = 0.0

    @property
    def is_gone(self) -> bool:
        """Whether it did not answer a moment ago."""
        return self._clock() < self._gone_until

    async def take(self, key: str, measures: Sequence[Measure]) -> Sequence[float]:
        """Count a request under several quotas at once, as `Rates.take` does for one. Raises NobodyCounts."""
        if self.is_gone:
            raise NobodyCounts
        keys = [f"converto:rate:{{{key}}}:{measure.quota.name}" for measure in measures]
        numbers = [number for measure in measures for number in (measure.each_s, measure.most_s)]
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                client = await self._connection.client()
                return [float(told) for told in await client.eval(_SCRIPT, len(keys), *keys, *numbers)]
        except Exception as error:
            # the client has errors of its own, of its connection and of its server, and each of them means that nobody counts
            self._gone_until = self._clock() + LOOK_AGAIN_S
            log.warning("gateway.redis_gone", error=type(error).__name__)
            raise NobodyCounts from error

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()
