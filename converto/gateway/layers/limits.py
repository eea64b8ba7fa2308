"""How much somebody may send: asked once it is known who it is, and before anything is done for the request."""

from starlette.types import ASGIApp, Receive, Scope, Send

from converto.gateway.addresses import Addresses
from converto.gateway.limits import Limits, Standing
from converto.gateway.routes import Found
from converto.kernel.access import OPERATORS, PROCESSES, PUBLIC
from converto.kernel.access import Admission as Class
from converto.kernel.actor import Actor
from converto.kernel.errors import Unavailable

_UNLIMITED = frozenset({OPERATORS, PROCESSES})


class PrincipalLimits:
    """Counts each request, and says in the answer how its sender stands."""

    def __init__(self, app: ASGIApp, *, limits: Limits, addresses: Addresses) -> None:
        self._app = app
        self._limits = limits
        self._addresses = addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises TooManyRequests, SignInUncounted."""
        if scope["type"] == "http":
            found: Found = scope["converto.route"]
            if found.access.admission is not Class.HEALTH and found.access.scope not in _UNLIMITED:
                standing = await self._standing(scope, found)
                if standing is not None:
                    scope["converto.headers"] = [(b"ratelimit", standing.limit), (b"ratelimit-policy", standing.policy)]
                    if standing.refused is not None:
                        raise standing.refused.refusal(standing.wait_s)
        await self._app(scope, receive, send)

    async def _standing(self, scope: Scope, found: Found) -> Standing | None:
        actor: Actor | None = scope.get("converto.actor")
        if actor is not None:
            return await self._limits.of_principal(actor, found.module)
        refusal = scope.get("converto.refusal")
        if refusal is not None and not isinstance(refusal, Unavailable):
            self._addresses.charge_bad_token(scope)
        if found.access.admission is Class.AUTH and found.access.scope == PUBLIC:
            return await self._limits.of_sign_in(self._addresses.key(scope))
        return await self._limits.of_nobody(self._addresses.key(scope), found.module)
