"""The last step: what the gate has found is gone to straight.

The router would look through all of its routes, one by one, which takes longer than every layer before it.
"""

from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from converto.gateway.routes import Found


class Dispatch:
    """Takes the place of the router's search, and leaves to it what is no route of its own, such as one that a nested router holds."""

    def __init__(self, search: ASGIApp) -> None:
        self._search = search

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        found: Found | None = scope.get("converto.route")
        if found is not None and found.route is not None:
            match, parts = found.route.matches(scope)
            if match is Match.FULL:
                scope.update(parts)
                await found.route.handle(scope, receive, send)
                return
        await self._search(scope, receive, send)
