"""Who may use the route: what the access table says, asked before anything else is done for a request."""

from starlette.types import ASGIApp, Receive, Scope, Send

from converto.kernel.access import CLOSED, OPEN, Access
from converto.kernel.actor import Actor
from converto.kernel.errors import Error, Forbidden, Unauthenticated


class ClosedRoute(Forbidden):
    """A route that stands in no access table."""

    code = "gateway.closed_route"
    message = "This route is closed: no access table says who may use it."


class Authorisation:
    """Lets those through whom the table allows. The services ask once more: they are asked by other processes, too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises Unauthenticated, Forbidden naming the scope, and why a token was refused."""
        if scope["type"] == "http":
            access: Access = scope["converto.route"].access
            if access.scope not in OPEN:
                authorise(access, scope.get("converto.actor"), refusal=scope.get("converto.refusal"))
        await self._app(scope, receive, send)


def authorise(access: Access, actor: Actor | None, *, refusal: Error | None = None) -> None:
    """Go on only where an actor may use a route; `refusal` is why there is none. Raises Unauthenticated, Forbidden."""
    if access.scope == CLOSED:
        raise ClosedRoute
    if actor is None:
        raise refusal or Unauthenticated
    if access.scope is not None and access.scope not in actor.scopes:
        raise Forbidden(scope=access.scope)
