"""Where requests come in: uvicorn's connection, with the turnstile right behind its reader.

A refusal is written as soon as the head of a request is read, and no task is made for it. What reaches the application by another way than
through this door is refused all the same, by the gate, at a higher price.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from converto.gateway.edge import Edge


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

    def on_headers_complete(self) -> None:
        """Turn a request away, or begin to serve it."""
        if not self._turns_away():
            super().on_headers_complete()

    def _turns_away(self) -> bool:
        """Refuse what may be refused here: a whole head, on a connection where nothing else is under way and that stays as it is."""
        is_plain = not self.expect_100_continue and self.parser.should_keep_alive() and not self.parser.should_upgrade()
        before: Any = self.cycle  # None before the first
        if not is_plain or not (before is None or before.response_complete):
            return False
        path = self.url.partition(b"?")[0]
        if b"%" in path:
            return False
        refusal = self._turnstile.refusal(self.parser.get_method().decode("ascii"), path.decode("latin-1"), self.headers)
        if refusal is None:
            return False
        self.cycle = _ANSWERED
        dated = b"".join(name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers)
        self.transport.write(refusal[0] + dated + b"\r\n" + refusal[1])
        self.on_response_complete()
        return True


_ANSWERED: Final[Any] = _Answered()
