"""REST: where a request comes from, and answers that nobody may keep."""

from typing import Annotated, Final

from fastapi import Depends, Request, Response
from pydantic import SecretStr

from converto.auth.people import Client

DEVICE_COOKIE: Final = "__Host-converto-device"
LONGEST_TOKEN: Final = 256


def _client(request: Request) -> Client:
    """Return where a request comes from."""
    headers = request.headers
    token = request.cookies.get(DEVICE_COOKIE) or headers.get("x-converto-device")
    return Client(
        address=request.client.host[:64] if request.client else None,
        user_agent=headers.get("user-agent", "")[:512] or None,
        language=headers.get("accept-language", "")[:100] or None,
        device_token=SecretStr(token) if token and len(token) <= LONGEST_TOKEN else None,
    )


def _uncached(response: Response) -> None:
    """Have no proxy and no browser keep the answer: it holds a secret."""
    response.headers["cache-control"] = "no-store"


TheClient = Annotated[Client, Depends(_client)]
Uncached = Depends(_uncached)
