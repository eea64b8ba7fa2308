"""Where a request goes: nowhere, unless there is such a route."""

from starlette.types import ASGIApp, Receive, Scope, Send

from converto.gateway.routes import Routes
from converto.kernel.errors import MethodNotAllowed, NotFound
from converto.kernel.web import problem


class Routing:
    """Says in the scope (`converto.route`) which route a request is for; what is for none goes no further, and costs next to nothing."""

    def __init__(self, app: ASGIApp, *, routes: Routes) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises NotFound."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        found = self._routes.find(scope["method"], scope["path"])
        if found is not None:
            scope["converto.route"] = found
            await self._app(scope, receive, send)
            return
        allowed = self._routes.methods(scope["path"])
        if not allowed:
            raise NotFound
        scope["converto.route"] = self._routes.find(allowed[0], scope["path"])  # it is counted with the rest of its path
        refused = problem(MethodNotAllowed(allowed=allowed))
        refused.headers["allow"] = ", ".join(allowed)
        await refused(scope, receive, send)
