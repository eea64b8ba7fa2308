"""A recogniser without the letters that are not wanted: its last layer is the costliest where it knows 18,000 of them.

A model is an ONNX file, which is a protocol buffer: a row of fields, each a key of number and wire type, and a value. Only what holds the
last layer is written anew; all else is copied as it stands.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

_MODEL_GRAPH, _MODEL_METADATA = 7, 14
_GRAPH_INITIALIZER = 5
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_RAW = 1, 2, 9
_FLOAT = 1
_VARINT, _LENGTH = 0, 2
_FIXED = {1: 8, 5: 4}
_LETTERS = b"character"


class _Field(NamedTuple):
    number: int
    wire_type: int
    value: int
    content: memoryview
    whole: memoryview


def letters_of(model: bytes) -> list[str]:
    """Return what a recogniser knows, in the order of its outputs: first none at all, last the space. Empty where it does not say."""
    for field in _fields(memoryview(model)):
        if field.number == _MODEL_METADATA:
            key, value = (bytes(part.content) for part in _fields(field.content))
            if key == _LETTERS:
                return ["", *value.decode().splitlines(), " "]
    return []


def with_outputs(model: bytes, kept: Sequence[int], *, of: int) -> bytes:
    """Return a model that gives only some of its `of` outputs."""

    def graph(field: _Field) -> bytes:
        return _rewritten(field.content, _GRAPH_INITIALIZER, lambda tensor: _narrowed(tensor, kept, of=of))

    return _rewritten(memoryview(model), _MODEL_GRAPH, graph)


def _narrowed(tensor: _Field, kept: Sequence[int], *, of: int) -> bytes:
    """Return a tensor, along the axis that is as long as the outputs only those that are kept."""
    fields = list(_fields(tensor.content))
    dims = [field.value for field in fields if field.number == _TENSOR_DIMS]
    raw = next((field.content for field in fields if field.number == _TENSOR_RAW), None)
    is_float = any(field.number == _TENSOR_TYPE and field.value == _FLOAT for field in fields)
    if of not in dims or raw is None or not is_float:
        return bytes(tensor.content)
    narrowed = np.take(np.frombuffer(raw, dtype="<f4").reshape(dims), kept, axis=dims.index(of))
    rest = [bytes(field.whole) for field in fields if field.number not in {_TENSOR_DIMS, _TENSOR_RAW}]
    sizes = [_varint(_TENSOR_DIMS << 3 | _VARINT) + _varint(size) for size in narrowed.shape]
    return b"".join((*sizes, *rest, _framed(_TENSOR_RAW, narrowed.tobytes())))


def _rewritten(message: memoryview, number: int, anew: Callable[[_Field], bytes]) -> bytes:
    return b"".join(_framed(number, anew(field)) if field.number == number else bytes(field.whole) for field in _fields(message))


def _fields(message: memoryview) -> Iterator[_Field]:
    at = 0
    while at < len(message):
        start = at
        key, at = _read_varint(message, at)
        wire_type, value = key & 7, 0
        if wire_type == _VARINT:
            value, end = _read_varint(message, at)
        elif wire_type == _LENGTH:
            size, at = _read_varint(message, at)
            end = at + size
        else:
            end = at + _FIXED[wire_type]
        yield _Field(key >> 3, wire_type, value, message[at:end], message[start:end])
        at = end


def _read_varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*written, value))


def _framed(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH) + _varint(len(content)) + content
