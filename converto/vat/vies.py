"""The EU's register of VAT numbers (VIES), where an operator has it asked: whether a number that holds is also somebody's.

POST {url}/check-vat-number {"countryCode": "FI", "vatNumber": "12345671"} -> {"valid": true, "name": "...", "address": "..."}
"""

import asyncio
from typing import Any

import orjson
import structlog

from converto.kernel.outgoing.outgoing import Outgoing

MAX_BYTES = 100_000
NOT_TOLD = frozenset({"", "---"})
"""What the register says where a member state keeps a name to itself."""
AWAY = "The register did not answer; ask again later. The number itself is well formed."

log = structlog.get_logger()


class Vies:
    """Asks the register; that it is away is no fault of a number, and holds nothing up for longer than `timeout_s`."""

    def __init__(self, url: str, outgoing: Outgoing, *, timeout_s: float) -> None:
        self._url = f"{url.rstrip('/')}/check-vat-number"
        self._outgoing = outgoing
        self._timeout_s = timeout_s

    async def aclose(self) -> None:
        """Close every connection."""
        await self._outgoing.close()

    async def told(self, vat_id: str) -> dict[str, Any]:
        """Return what it says of a VAT number with its country: `registered`, None where it says nothing, and the name of whose it is."""
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._asked(vat_id)
            registered = answer["valid"]
            if not isinstance(registered, bool):
                raise TypeError(registered)  # noqa: TRY301 - whatever it says else is no answer
        except Exception as error:  # noqa: BLE001 - others' program, others' network
            log.warning("vat.register_away", error=f"{type(error).__name__}: {error}"[:200])
            return {"registered": None, "registered_detail": AWAY}
        name = str(answer.get("name") or "").strip()
        return {"registered": registered, "registered_name": None if name in NOT_TOLD else name[:200]}

    async def _asked(self, vat_id: str) -> dict[str, Any]:
        content = orjson.dumps({"countryCode": vat_id[:2], "vatNumber": vat_id[2:]})
        headers = {"content-type": "application/json", "accept": "application/json"}
        async with self._outgoing.answer("POST", self._url, content=content, headers=headers) as response:
            body = b""
            async for part in response.aiter_stream():
                body += part
                if len(body) > MAX_BYTES:
                    raise ValueError(len(body))
        if response.status != 200:
            raise ValueError(response.status)
        answer: dict[str, Any] = orjson.loads(body)
        return answer
