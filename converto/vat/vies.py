"""The EU's register of VAT numbers (VIES), where an operator has it asked: whether a number that holds is also somebody's.

POST {url}/check-vat-number {"countryCode": "FI", "vatNumber": "12345671"} -> {"valid": true, "name": "...", "address": "..."}
"""

from typing import Any

import structlog

from converto.kernel.outgoing.asking import Asking, Unreachable

NOT_TOLD = frozenset({"", "---"})
"""What the register says where a member state keeps a name to itself."""
AWAY = "The register did not answer; ask again later. The number itself is well formed."

log = structlog.get_logger()


class Vies:
    """Asks the register; that it is away is no fault of a number."""

    def __init__(self, url: str, asking: Asking) -> None:
        self._url = f"{url.rstrip('/')}/check-vat-number"
        self._asking = asking

    async def aclose(self) -> None:
        """Close every connection."""
        await self._asking.close()

    async def told(self, vat_id: str) -> dict[str, Any]:
        """Return what it says of a VAT number with its country: `registered`, None where it says nothing, and the name of whose it is."""
        try:
            answer = await self._asking.post_json(self._url, {"countryCode": vat_id[:2], "vatNumber": vat_id[2:]})
        except Unreachable as error:
            log.warning("vat.register_away", error=str(error))
            answer = None
        match answer:
            case {"valid": bool(registered)}:
                name = str(answer.get("name") or "").strip()
                return {"registered": registered, "registered_name": None if name in NOT_TOLD else name[:200]}
        return {"registered": None, "registered_detail": AWAY}
