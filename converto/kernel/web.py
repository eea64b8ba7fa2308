"""What every REST router stands on: who asks, which interface answers, the limits of a page, and problems."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from converto.kernel.actor import Actor
from converto.kernel.context import current
from converto.kernel.drain import Drain
from converto.kernel.errors import BadRequest, Error, Internal, Invalid, Unauthenticated
from converto.kernel.interface import Interface

Asked = TypeVar("Asked", bound=Interface)
PROBLEM_JSON = "application/problem+json"
ACCESS_COOKIE = "__Host-converto"
"""The cookie that holds a browser's access token."""
COOKIE_PREFIX = "__Host-converto"
"""What the names of all cookies begin with that sign somebody in: the browser keeps such a name to the very host, and to TLS."""


Limit = Annotated[int, Query(ge=1, le=200, description="How many items a page holds.")]
Cursor = Annotated[str | None, Query(max_length=200, description="The `next_cursor` of the page before.")]


class BadBody(Invalid):
    """A body, parameter or header that does not fit."""

    code = "invalid_request"
    message = "The request is not valid: {summary}"


def the(interface: type[Asked]) -> Callable[[Request], Awaitable[Asked]]:
    """Return a dependency that gives the caller of a module, wherever it lives; a part of its interface is answered by the whole."""

    async def give(request: Request) -> Asked:  # not async, it would be called in a thread, which takes longer than many an answer
        interfaces = request.app.state.runtime.interfaces
        whole = interface if interface in interfaces else next(asked for asked in interfaces if interface in asked.__mro__)
        bound: Asked = interfaces[whole]
        return bound

    return give


class _WhoeverAsks(HTTPBearer):
    """Says in the reference what a route asks for, and gives it whom the gateway found: one dependency for both, at every request."""

    async def __call__(self, request: Request) -> Actor:  # type: ignore[override]  # who is signed in, not what they signed in with
        """Return who asks. Raises Unauthenticated when nobody is signed in."""
        actor: Actor | None = request.scope.get("converto.actor")
        if actor is None:
            raise request.scope.get("converto.refusal") or Unauthenticated()
        return actor


CurrentActor = Annotated[Actor, Depends(_WhoeverAsks(scheme_name="HTTPBearer", description="The `access_token` of a sign-in."))]


async def _drain(request: Request) -> Drain:
    """Return what says when this process begins to end."""
    found: Drain = request.app.state.runtime.drain
    return found


TheDrain = Annotated[Drain, Depends(_drain)]


LONGEST_STREAM_S = 600.0
"""A stream of Server-Sent Events ends then, as an access token does: its listener comes back with a token that is good."""
COME_BACK = "retry: 2000\n\n"
"""What a stream begins with: after how many milliseconds a listener comes back that has lost it."""


def server_sent(frames: AsyncIterator[str]) -> StreamingResponse:
    """Return Server-Sent Events that nothing between us and the listener keeps or holds back."""
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(frames, media_type="text/event-stream", headers=headers)


def problem(error: Error, *, instance: str | None = None) -> JSONResponse:
    """Return the answer that tells of an error: RFC 9457 problem+json."""
    content = problem_of(error, instance=instance)
    headers = {"retry-after": str(max(1, round(error.retry_after_s)))} if error.retry_after_s is not None else {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    return JSONResponse(content, status_code=error.status, headers=headers, media_type=PROBLEM_JSON)


def problem_of(error: Error, *, instance: str | None = None) -> dict[str, Any]:
    """Return what an answer says of an error."""
    content: dict[str, Any] = {
        "type": f"urn:converto:error:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": current().request_id,
    }
    if instance:
        content["instance"] = instance
    return content | {key: value for key, value in error.details.items() if key not in content and key != "summary"}


def problems(*errors: type[Error]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI `responses` of a route that may answer with these errors."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        entry = by_status.setdefault(
            error.status, {"description": "", "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
        )
        entry["description"] += f"{', ' if entry['description'] else ''}{error.code}"
    return by_status


def install_problems(app: FastAPI) -> None:
    """Have every failure of an app answered as problem+json."""
    app.add_exception_handler(Error, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


async def _on_error(_: Request, error: Exception) -> Response:
    return problem(error if isinstance(error, Error) else Internal())


async def _on_invalid(_: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    if any(entry["type"] == "json_invalid" for entry in found):
        return problem(BadRequest(reason="The body is not valid JSON."))
    errors = [{"pointer": _pointer(entry["loc"]), "detail": entry["msg"]} for entry in found]
    summary = "; ".join(f"{entry['pointer']} {entry['detail']}" for entry in errors[:3])
    return problem(BadBody(summary=summary, errors=errors))


def _pointer(location: Sequence[Any]) -> str:
    path = location[1:] if location[:1] == ("body",) else location
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


async def _on_http(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    answer = _of_status(status, str(getattr(error, "detail", "")))
    answer.headers.update(getattr(error, "headers", None) or {})  # a 405 says in one of them what is allowed
    return answer


def _of_status(status: int, detail: str) -> Response:
    kind = next((kind for kind in Error.__subclasses__() if kind.status == status), None)
    if kind is not None and kind is not Internal:
        known = kind(reason=detail) if kind is BadRequest else kind()
        return problem(known)
    other = Error()
    other.status, other.title, other.code = status, HTTPStatus(status).phrase, HTTPStatus(status).name.lower()  # type: ignore[misc]
    other.args = (detail,)
    return problem(other)
