"""REST: where a request comes from, and answers that nobody may keep."""

from typing import Annotated

from fastapi import Depends, Request, Response

from converto.auth.people import Client


def _client(request: Request) -> Client:
    """Return where a request comes from."""
    agent = request.headers.get("user-agent", "")[:512]
    return Client(address=request.client.host[:64] if request.client else None, user_agent=agent or None)


def _uncached(response: Response) -> None:
    """Have no proxy and no browser keep the answer: it holds a secret."""
    response.headers["cache-control"] = "no-store"


TheClient = Annotated[Client, Depends(_client)]
Uncached = Depends(_uncached)
