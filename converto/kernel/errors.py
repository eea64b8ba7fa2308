"""What can go wrong, as callers see it.

    Error
    ├── BadRequest 400    ├── Gone 410
    ├── Unauthenticated   ├── TooLarge 413
    ├── PaymentRequired   ├── Unsupported 415
    ├── Forbidden 403     ├── Invalid 422
    ├── NotFound 404      ├── Limited 429
    ├── MethodNotAllowed  │
    └── Conflict 409      └── Internal 500, NotConfigured 501, Unavailable 503, TimedOut 504

A module's error is a subclass of one kind with a code of its own, and a message that says what is wrong and how to mend it:

    class UnknownScan(NotFound):
        code = "ocr.unknown_scan"
        message = "There is no scan {scan_id}."
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic_core import to_jsonable_python


class Error(Exception):
    """A failure that a caller is told of: the same class with the same details in this process and in another."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    code: str = "internal"
    message: ClassVar[str] = "Something went wrong on our side; it has been logged."

    def __init__(self, **details: Any) -> None:
        # as JSON says them, so that they are the same here, from another process, and in an answer
        self.details: dict[str, Any] = to_jsonable_python(details, fallback=str, bytes_mode="base64")
        super().__init__(self.message.format_map(_Forgiving(self.details)))

    @property
    def detail(self) -> str:
        """One sentence for a person."""
        return str(self)

    @property
    def retry_after_s(self) -> float | None:
        """How long the caller should wait before it tries again, where that is known."""
        return self.details.get("retry_after_s")


class _Forgiving(dict[str, Any]):
    """Details for a message; a missing one shows its own name instead of failing."""

    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"


class BadRequest(Error):
    """The request cannot be understood at all."""

    status, title, code = 400, "Bad request", "bad_request"
    message = "{reason}"


class Unauthenticated(Error):
    """Nobody is signed in, or the token is no longer good."""

    status, title, code = 401, "Not signed in", "unauthenticated"
    message = "Sign in, or send a valid access token."


class PaymentRequired(Error):
    """The plan does not hold this."""

    status, title, code = 402, "Limit of the plan reached", "payment_required"
    message = "The plan does not include this."


class Forbidden(Error):
    """Signed in, but not allowed."""

    status, title, code = 403, "Not allowed", "forbidden"
    message = "This needs the scope {scope}."


class NotFound(Error):
    """It is not there, or belongs to somebody else."""

    status, title, code = 404, "Not found", "not_found"
    message = "There is nothing here."


class MethodNotAllowed(Error):
    """It is there, but takes other methods: `allowed` names them."""

    status, title, code = 405, "Method not allowed", "method_not_allowed"
    message = "This path does not take that method."


class Conflict(Error):
    """It contradicts what is already there."""

    status, title, code = 409, "Conflict", "conflict"
    message = "This contradicts what is already there."


class Gone(Error):
    """It was there, and no longer is."""

    status, title, code = 410, "Gone", "gone"
    message = "This is no longer here."


class TooLarge(Error):
    """More bytes than are taken."""

    status, title, code = 413, "Too large", "too_large"
    message = "At most {max_bytes} bytes are taken."


class Unsupported(Error):
    """A kind of content that is not read here."""

    status, title, code = 415, "Unsupported content", "unsupported"
    message = "This kind of content is not read here."


class Invalid(Error):
    """Understood, but wrong: `errors` in the details names each field and what is wrong with it."""

    status, title, code = 422, "Not valid", "invalid"
    message = "Some fields are not valid."


class Limited(Error):
    """Too many requests for now."""

    status, title, code = 429, "Too many requests", "limited"
    message = "Too many requests; try again in {retry_after_s} s."


class Internal(Error):
    """A defect of ours; its cause is in the log, never in the answer."""

    code = "internal"


class NotConfigured(Error):
    """A part that this installation has not switched on."""

    status, title, code = 501, "Not configured", "not_configured"
    message = "This installation has not switched this on."


class Unavailable(Error):
    """A part that cannot answer now."""

    status, title, code = 503, "Unavailable", "unavailable"
    message = "The module {module} does not answer now; try again shortly."


class TimedOut(Error):
    """The time that the caller allowed has run out."""

    status, title, code = 504, "Timed out", "timed_out"
    message = "There was no answer within the time allowed."


class WireError(BaseModel):
    """An error as it travels between processes."""

    model_config = ConfigDict(frozen=True)

    code: str
    status: int
    detail: str
    details: dict[str, Any] = {}


def to_wire(error: Error) -> WireError:
    """Return what another process needs to raise the same error."""
    return WireError(code=error.code, status=error.status, detail=error.detail, details=error.details)


def from_wire(wire: WireError) -> Error:
    """Return the error that the other process raised; a code unknown here becomes its kind, under the same code."""
    known = codes().get(wire.code)
    if known is not None:
        return known(**wire.details)
    kind = next((kind for kind in Error.__subclasses__() if kind.status == wire.status), Internal)
    error = kind(**wire.details)
    error.code, error.args = wire.code, (wire.detail,)
    return error


def codes() -> Mapping[str, type[Error]]:
    """Return every error of this program by its code. Raises TypeError when two share one."""
    found: dict[str, type[Error]] = {}
    for kind in _descendants(Error):
        other = found.setdefault(kind.code, kind)
        if other is not kind:
            msg = f"{other.__qualname__} and {kind.__qualname__} share the code {kind.code}"
            raise TypeError(msg)
    return found


def _descendants(of: type[Error]) -> Iterator[type[Error]]:
    for kind in of.__subclasses__():
        yield kind
        yield from _descendants(kind)
