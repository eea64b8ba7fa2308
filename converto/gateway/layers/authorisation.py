"""Who may use the route: what the access table says, asked before anything else is done for a request."""

from converto.kernel.access import CLOSED, Access
from converto.kernel.actor import Actor
from converto.kernel.errors import Error, Forbidden, Unauthenticated


class ClosedRoute(Forbidden):
    """A route that stands in no access table."""

    code = "gateway.closed_route"
    message = "This route is closed: no access table says who may use it."


def authorise(access: Access, actor: Actor | None, *, refusal: Error | None = None) -> None:
    """Go on only where an actor may use a route; `refusal` is why there is none.

    The services ask once more: other processes ask them, too. Raises ClosedRoute, Unauthenticated, Forbidden naming the scope.
    """
    if access.scope == CLOSED:
        raise ClosedRoute
    if actor is None:
        raise refusal or Unauthenticated
    if access.scope is not None and access.scope not in actor.scopes:
        raise Forbidden(scope=access.scope)
