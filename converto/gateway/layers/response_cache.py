"""The same question of the same person may be answered from memory, and a browser that has the answer is told so."""

import hashlib
from collections.abc import Hashable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from converto.gateway.answers import Answer, Answers
from converto.gateway.answers import Scope as Whose
from converto.gateway.routes import Found
from converto.kernel.actor import Actor

VARY = (b"vary", b"Authorization, Cookie, Accept, Accept-Language")
ASK_AGAIN = (b"cache-control", b"private, no-cache")
"""A browser may keep the answer, and asks each time whether it is still the same."""
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_UNKEPT = frozenset({b"set-cookie", b"etag", b"cache-control"})
_OF_THE_BODY = frozenset({b"content-length", b"content-type", b"content-encoding"})


class ResponseCache:
    """Keeps answers to GETs that the access table marks (`cache_s`); a write of the same company to the same module drops them."""

    def __init__(self, app: ASGIApp, *, answers: Answers) -> None:
        self._app = app
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        found: Found | None = scope.get("converto.route")
        if found is None or (scope["method"] in _READING and not found.access.cache_s):
            await self._app(scope, receive, send)
            return
        actor: Actor | None = scope.get("converto.actor")
        whose = Whose(actor.tenant_id if actor is not None else None, found.module)
        if scope["method"] in _READING:
            await self._read(found, actor, whose)(scope, receive, send)
        else:
            await self._written(whose, scope, receive, send=send)

    async def _written(self, whose: Whose, scope: Scope, receive: Receive, *, send: Send) -> None:
        """Serve a request that may change something: before and after, so that nothing is kept that was read meanwhile."""

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answers.forget(whose)  # before anybody is told of it
            await send(message)

        self._answers.forget(whose)
        try:
            await self._app(scope, receive, answer)
        finally:
            self._answers.forget(whose)

    def _read(self, found: Found, actor: Actor | None, whose: Whose) -> ASGIApp:
        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            headers = dict(scope["headers"])
            key = _key(scope, headers, actor)
            known = self._answers.find(key, whose)
            generation = self._answers.generation(whose)
            if known is None:
                reading = _Reading(send, known_tags=headers.get(b"if-none-match"), largest=self._answers.largest)
                await self._app(scope, receive, reading.answer)
                if reading.whole is not None:
                    self._answers.keep(key, whose, reading.whole, generation=generation, seconds=found.access.cache_s)
            else:
                await _give(known, send, known_tags=headers.get(b"if-none-match"))

        return serve


class _Reading:
    """Passes an answer on whole, with its tag, if it is one that may be kept; any other as it comes."""

    def __init__(self, send: Send, *, known_tags: bytes | None, largest: int) -> None:
        self._send = send
        self._known_tags = known_tags
        self._largest = largest
        self._start: Message | None = None
        self._body = bytearray()
        self.whole: Answer | None = None

    async def answer(self, message: Message) -> None:
        """Take a part of the answer."""
        if message["type"] == "http.response.start" and _may_be_kept(message):
            self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if len(self._body) > self._largest:
            start, self._start = self._start, None
            await self._send(start)
            await self._send({"type": "http.response.body", "body": bytes(self._body), "more_body": message.get("more_body", False)})
        elif not message.get("more_body", False):
            body = bytes(self._body)
            tag = b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'
            self.whole = Answer([*self._start.get("headers", ()), (b"etag", tag), ASK_AGAIN, VARY], body, tag)
            await _give(self.whole, self._send, known_tags=self._known_tags)


def _may_be_kept(start: Message) -> bool:
    return start["status"] == 200 and not any(name in _UNKEPT for name, _ in start.get("headers", ()))


def _key(scope: Scope, headers: dict[bytes, bytes], actor: Actor | None) -> Hashable:
    """Return what two requests have in common that may get the same answer."""
    who = (actor.tenant_id, actor.kind, actor.user_id, actor.session_id, actor.api_key_id, actor.role, actor.scopes) if actor else None
    asked = (scope["method"], scope["path"], scope["query_string"])
    return (who, *asked, headers.get(b"accept-language"), headers.get(b"accept"))


async def _give(answer: Answer, send: Send, *, known_tags: bytes | None) -> None:
    if known_tags is not None and _is_among(answer.tag, known_tags):
        kept = [header for header in answer.headers if header[0] not in _OF_THE_BODY]
        await send({"type": "http.response.start", "status": 304, "headers": kept})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.start", "status": 200, "headers": list(answer.headers)})
    await send({"type": "http.response.body", "body": answer.body})


def _is_among(tag: bytes, given: bytes) -> bool:
    """Tell whether a client has the answer; for this a weak tag is as good as a strong one (RFC 9110, 13.1.2)."""
    return any(one.strip().removeprefix(b"W/") in (tag, b"*") for one in given.split(b","))
