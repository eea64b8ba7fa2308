"""Values as they travel between processes: msgpack, and behind it the large bytes as they are, so that nobody has to hold them twice.

A message is the length of its msgpack, the number of its large bytes and the length of each, the msgpack, and the large bytes. In the
msgpack a placeholder stands for each of them. Several messages may follow one another.
"""

import io
import struct
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from pydantic import SecretStr

LARGE_BYTES = 64 * 1024
"""Bytes of this length travel behind the msgpack."""
PIECE_BYTES = 256 * 1024
"""How much of the large bytes is copied at a time, on their way to the socket."""
_HEAD = struct.Struct(">IH")
_SIZE = struct.Struct(">Q")
_PLACEHOLDER = 1
_CONTAINERS = {dict, list, tuple}


def _hook(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    msg = f"{type(value).__qualname__} does not travel"
    raise TypeError(msg)


_encoder = msgspec.msgpack.Encoder(enc_hook=_hook)
_decoder = msgspec.msgpack.Decoder()


class Malformed(ValueError):
    """What came is no message."""


@dataclass(frozen=True, slots=True)
class Message:
    """One value, ready to travel, or as it came."""

    packed: bytes
    large: Sequence[bytes]

    @classmethod
    def of(cls, value: Any) -> "Message":
        """Pack a value; containers in it are changed where large bytes leave them."""
        large: list[bytes] = []
        value = _without_large(value, large)
        return cls(_encoder.encode(value), large)

    @property
    def length(self) -> int:
        """The bytes that it takes on its way."""
        return _HEAD.size + _SIZE.size * len(self.large) + len(self.packed) + sum(map(len, self.large))

    def whole(self) -> bytes:
        """Return all of it at once: for a message without large bytes."""
        return b"".join(self.parts())

    def parts(self) -> Iterator[bytes]:
        """Yield it in order: what is packed, and the large bytes as they lie."""
        sizes = b"".join(_SIZE.pack(len(each)) for each in self.large)
        yield _HEAD.pack(len(self.packed), len(self.large)) + sizes + self.packed
        yield from self.large

    def pieces(self) -> Iterator[bytes]:
        """Yield it in order, in pieces small enough to be copied."""
        packed, *large = self.parts()
        yield packed
        for each in large:
            view = memoryview(each)
            for start in range(0, len(each), PIECE_BYTES):
                yield bytes(view[start : start + PIECE_BYTES])

    def value(self) -> Any:
        """Return the value inside. Raises Malformed."""
        try:
            if not self.large:
                return _decoder.decode(self.packed)
            return msgspec.msgpack.Decoder(ext_hook=self._placed).decode(self.packed)
        except (msgspec.DecodeError, IndexError, struct.error) as error:
            raise Malformed from error

    def _placed(self, code: int, content: memoryview) -> bytes:
        if code != _PLACEHOLDER:
            raise Malformed
        (index,) = _SIZE.unpack(content)
        found: bytes = self.large[index]
        return found


def _without_large(value: Any, large: list[bytes]) -> Any:
    kind = type(value)
    if kind is bytes:
        if len(value) < LARGE_BYTES:
            return value
        large.append(value)
        return msgspec.msgpack.Ext(_PLACEHOLDER, _SIZE.pack(len(large) - 1))
    if kind is dict:
        for key, each in value.items():
            if type(each) is bytes or type(each) in _CONTAINERS:
                value[key] = _without_large(each, large)
    elif kind in _CONTAINERS:
        return [_without_large(each, large) if type(each) is bytes or type(each) in _CONTAINERS else each for each in value]
    return value


class Incoming:
    """Reads messages from chunks as they come; large bytes are gathered once, in the place where they stay."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    async def message(self) -> Message | None:
        """Return the next message; None at the end. Raises Malformed where the end comes too early."""
        if not self._rest and not await self._more():
            return None
        length, number = _HEAD.unpack(await self._exactly(_HEAD.size))
        sizes = [size for (size,) in _SIZE.iter_unpack(await self._exactly(_SIZE.size * number))]
        packed = await self._exactly(length)
        return Message(packed, [await self._exactly(size) for size in sizes])

    async def _exactly(self, size: int) -> bytes:
        if len(self._rest) >= size:
            found, self._rest = bytes(self._rest[:size]), self._rest[size:]
            return found
        gathered = io.BytesIO()  # gives its bytes away as they lie, without a copy
        while size:
            if not self._rest and not await self._more():
                raise Malformed
            part, self._rest = self._rest[:size], self._rest[size:]
            gathered.write(part)
            size -= len(part)
        return gathered.getvalue()

    async def _more(self) -> bool:
        async for chunk in self._chunks:
            if chunk:
                self._rest = memoryview(chunk)
                return True
        return False
