"""What a request asks, as a digest that is made while its body streams past."""

import hashlib
from typing import Any, Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.types import Scope


class _Digest(Protocol):
    """Takes bytes, and gives what they come to."""

    def update(self, part: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class Fingerprint:
    """Takes a request's body part by part.

    Of a multipart body its parts count, and not the line between them, which a client draws anew for every try.
    """

    def __init__(self, scope: Scope) -> None:
        self._whole = hashlib.sha256()
        content_type = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
        kind, options = parse_options_header(content_type)
        for part in (scope["path"].encode(), scope["query_string"], kind):
            self._whole.update(hashlib.sha256(part).digest())
        boundary = options.get(b"boundary")
        self._body: _Digest = self._whole if kind != b"multipart/form-data" or not boundary else _Parts(boundary, self._whole)

    def update(self, part: bytes) -> None:
        """Take a part of the body."""
        self._body.update(part)

    def digest(self) -> bytes:
        """Return the digest of all that came, 32 bytes."""
        return self._body.digest()


class _Parts:
    """The parts of a multipart body, each for itself: its headers and its content."""

    def __init__(self, boundary: bytes, whole: Any) -> None:
        self._whole = whole
        self._part = hashlib.sha256()
        self._broken = False
        self._in_name = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._name,
                "on_header_value": self._value,
                "on_header_end": lambda: self._part.update(b"\n"),
                "on_headers_finished": lambda: self._part.update(b"\n"),
                "on_part_data": lambda data, start, end: self._part.update(data[start:end]),
                "on_part_end": lambda: self._whole.update(self._part.digest()),
            },
        )

    def update(self, part: bytes) -> None:
        if not self._broken:
            try:
                self._parser.write(part)
            except FormParserError:
                self._broken = True
        if self._broken:  # the route refuses it, and then nothing is kept under the key
            self._whole.update(part)

    def digest(self) -> bytes:
        return bytes(self._whole.digest())

    def _begin(self) -> None:
        self._part = hashlib.sha256()

    def _name(self, data: bytes, start: int, end: int) -> None:
        self._in_name = True
        self._part.update(data[start:end].lower())

    def _value(self, data: bytes, start: int, end: int) -> None:
        if self._in_name:
            self._part.update(b":")
            self._in_name = False
        self._part.update(data[start:end])
