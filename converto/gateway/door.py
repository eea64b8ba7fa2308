"""Where requests come in: uvicorn's connection, with the turnstile right behind its reader.

A refusal is written as soon as the head of a request is read, and no task is made for it. A plain request that comes whole, as nearly all
do, is not even taken apart. What reaches the application by another way than this door is refused by the gate, at a higher price.
"""

import asyncio
import re
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from converto.gateway.edge import Edge

# What changes how a request is read, or how it is answered.
_CHANGING = rb"connection:|content-length:(?! ?0\r)|expect:|origin:|transfer-encoding:|upgrade:|x-request-id:"
# One whole request without any of that, and without a body.
_PLAIN = re.compile(
    rb"(GET|HEAD|POST|PUT|PATCH|DELETE) (/[^\s%?]*)(?:\?\S*)? HTTP/1\.1\r\n"
    rb"(?:(?!(?i:" + _CHANGING + rb"))[A-Za-z0-9!#$&'*+.^_`|~-]+:[^\r\n\0]*\r\n)+\r\n"
)
_LATER_S = 1.0
"""So much later a connection that is used no more is closed: to set the clock with every refusal would cost as much as the rest of it."""


class _Answered:
    """What a connection holds in place of a request that is answered already: nothing more is read for it, or written."""

    response_complete = True
    keep_alive = True
    disconnected = False
    message_event = asyncio.Event()


class Door(HttpToolsProtocol):
    """A connection to the server, with a turnstile behind its reader of requests."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        edge: Edge = self.config.app.state.edge  # type: ignore[union-attr]  # it is given as an application
        self._turnstile = edge.turnstile
        self._drain = edge.runtime.drain
        self._is_between = True
        self._clock_set_at = 0.0

    def data_received(self, data: bytes) -> None:
        """Turn a request away that is here as a whole, or have it taken apart."""
        if not (self._is_between and self._turnstile.is_shut and self._turns_away_whole(data)):
            super().data_received(data)

    def on_message_begin(self) -> None:
        """Note that what comes now belongs to a request."""
        self._is_between = False
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """Note that the next byte begins another request."""
        self._is_between = True
        super().on_message_complete()

    def on_headers_complete(self) -> None:
        """Turn a request away, or begin to serve it: as the last of its connection, where this process is about to end."""
        if self._turns_away():
            return
        super().on_headers_complete()
        if self._drain.is_announced:
            # its sender goes elsewhere with the next one; if we closed the connection later, it could just be sending that
            self.cycle.keep_alive = False

    def _turns_away_whole(self, data: bytes) -> bool:
        """Refuse what is one whole plain request, on a connection where nothing else is under way."""
        before: Any = self.cycle  # None before the first
        plain = _PLAIN.fullmatch(data) if before is None or before.response_complete else None
        if plain is None or self.flow.write_paused:
            return False
        refusal = self._turnstile.refusal(plain[1].decode("ascii"), plain[2].decode("latin-1"))
        if refusal is None:
            return False
        self._answer(refusal)
        self.server_state.total_requests += 1
        moment = self.loop.time()
        if self.timeout_keep_alive_task is None or moment - self._clock_set_at > _LATER_S:
            self._unset_keepalive_if_required()
            self._clock_set_at = moment
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive + _LATER_S, self.timeout_keep_alive_handler)
        return True

    def _turns_away(self) -> bool:
        """Refuse what may be refused here: a whole head, on a connection where nothing else is under way and that stays as it is."""
        is_plain = not self.expect_100_continue and self.parser.should_keep_alive() and not self.parser.should_upgrade()
        before: Any = self.cycle  # None before the first
        if not is_plain or not (before is None or before.response_complete):
            return False
        path = self.url.partition(b"?")[0]
        if b"%" in path:
            return False
        method, template = self.parser.get_method().decode("ascii"), path.decode("latin-1")
        refusal = None if self._turnstile.is_special(self.headers) else self._turnstile.refusal(method, template)
        if refusal is None:
            self._turnstile.expect(method, template)
            return False
        self.cycle = _ANSWERED
        self._answer(refusal)
        self.on_response_complete()
        return True

    def _answer(self, refusal: tuple[bytes, bytes]) -> None:
        dated = b"".join([name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers])
        self.transport.write(refusal[0] + dated + b"\r\n" + refusal[1])


_ANSWERED: Final[Any] = _Answered()
