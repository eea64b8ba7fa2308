"""Passwords that have leaked elsewhere, asked of a service that never learns the password."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha1
from typing import Final

import httpx2
import structlog

PREFIX_DIGITS: Final = 5
TIMEOUT_S: Final = 2.0
MAX_BYTES: Final = 1_000_000
log = structlog.get_logger()


class Breaches:
    """Asks for all leaked hashes that begin like the password's, some hundreds, and looks for it among them itself."""

    def __init__(self, url: str, client: httpx2.AsyncClient) -> None:
        self._url = url
        self._client = client

    async def knows(self, password: str) -> bool:
        """Tell whether a password has leaked; where the service does not answer, our own lists have to do."""
        digest = sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
        try:
            # padding: the length of the answer would otherwise tell which range was asked for
            answer = await self._client.get(self._url + digest[:PREFIX_DIGITS], headers={"add-padding": "true"})
            answer.raise_for_status()
        except httpx2.HTTPError as error:
            log.warning("auth.breaches_not_asked", error=type(error).__name__)
            return False
        wanted = digest[PREFIX_DIGITS:]
        found = (line.partition(":") for line in answer.text[:MAX_BYTES].splitlines())
        return any(suffix.strip().upper() == wanted and count.strip() not in {"", "0"} for suffix, _, count in found)


@asynccontextmanager
async def breaches_at(url: str | None) -> AsyncIterator[Breaches | None]:
    """Open the service at an address; None where there is none."""
    if url is None:
        yield None
        return
    async with httpx2.AsyncClient(timeout=TIMEOUT_S) as client:
        yield Breaches(url, client)
