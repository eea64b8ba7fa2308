"""Every request is counted, timed and told of, by the template of its route: never by what a client wrote."""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import Any

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from converto.gateway.access_log import AccessLog
from converto.gateway.figures import UNMATCHED, RequestFigures
from converto.kernel.context import current

CLIENT_GONE = 499
"""The status that a request is counted under which nobody waited for: none was sent."""


class Observation:
    """Counts, times and tells of every request."""

    def __init__(self, app: ASGIApp, *, figures: RequestFigures, access_log: AccessLog) -> None:
        self._app = app
        self._figures = figures
        self._access_log = access_log
        self._plain_routes: dict[Callable[..., Any], str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and remember how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = perf_counter()
        status, sent = 0, 0

        async def answer(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.body":
                sent += len(message.get("body", b""))
            elif message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except asyncio.CancelledError:
            status = status or CLIENT_GONE
            raise
        except Exception:
            status = 500
            raise
        finally:
            self._remember(scope, status or CLIENT_GONE, sent, start)

    def _remember(self, scope: Scope, status: int, sent: int, start: float) -> None:
        end = perf_counter()
        method, route = scope["method"], self._template(scope)
        self._figures.count(method, route, status, start=start, end=end)
        context = current()
        facts = {
            "trace.id": context.trace_id,
            "http.request.id": context.request_id,
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
            "http.response.body.bytes": sent,
            "event.duration": int((end - start) * 1e9),
        }
        actor = scope.get("converto.actor")
        if actor is not None:
            facts["organization.id"] = str(actor.tenant_id)
        self._access_log.tell(route, status, facts)

    def _template(self, scope: Scope) -> str:
        # an included router's own prefix is known only to the context that FastAPI leaves in the scope
        effective = (scope.get("fastapi") or {}).get("effective_route_context")
        route = effective or scope.get("route")
        if route is not None:
            return str(route.path)
        endpoint = scope.get("endpoint")
        return UNMATCHED if endpoint is None else self._plain_routes.get(endpoint) or self._look_up(scope, endpoint)

    def _look_up(self, scope: Scope, endpoint: Callable[..., Any]) -> str:
        """Return the template of a route that is not FastAPI's, and so does not stand in the scope."""
        plain = [route for route in scope["app"].routes if isinstance(route, Route)]
        self._plain_routes.update({route.endpoint: route.path for route in plain})
        return self._plain_routes.setdefault(endpoint, UNMATCHED)
