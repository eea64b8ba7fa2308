import tracemalloc
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from converto.kernel.wire import LARGE_BYTES, PIECE_BYTES, Incoming, Malformed, Message

LARGE = bytes(range(256)) * (LARGE_BYTES // 256)


async def chunks(whole: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(whole), size):
        yield whole[start : start + size]


async def received(whole: bytes, size: int) -> Sequence[Any]:
    incoming, found = Incoming(chunks(whole, size)), []
    while (message := await incoming.message()) is not None:
        found.append(message.value())
    return found


VALUES = {
    "nothing": None,
    "plain values": {"text": "ä€", "number": 7, "share": 0.5, "none": None, "list": [1, [2, {"three": 3}]]},
    "bytes just too short": LARGE[:-1],
    "large bytes": LARGE,
    "large bytes far below": {"parcel": {"pages": [{"content": LARGE}, {"content": b"small"}, {"content": LARGE[1:] * 2}]}, "note": "ä"},
    "the same large bytes twice": [LARGE, LARGE],
    "more than fits into a piece": LARGE * (2 * PIECE_BYTES // LARGE_BYTES) + b"and a rest",
    "no bytes at all": {"content": b""},
}


@pytest.mark.parametrize("size", [1 << 20, 65_536, 997])
@pytest.mark.parametrize("what", VALUES)
async def test_what_is_sent_is_what_comes_however_it_is_cut(what: str, size: int) -> None:
    whole = b"".join(Message.of(msgspec.msgpack.decode(msgspec.msgpack.encode(VALUES[what]))).pieces())
    assert await received(whole, size) == [VALUES[what]]


async def test_values_of_python_travel_as_the_standard_says() -> None:
    sent = [uuid4(), Decimal("1.50"), datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC), date(2026, 3, 1), time(1, 2), timedelta(days=1)]
    (found,) = await received(Message.of(list(sent)).whole(), 100)
    assert found == [str(sent[0]), "1.50", sent[2], "2026-03-01", "01:02:00", "P1D"]


async def test_messages_follow_one_another() -> None:
    whole = b"".join(piece for value in ("one", LARGE, 3) for piece in Message.of(value).pieces())
    assert await received(whole, 1000) == ["one", LARGE, 3]


@pytest.mark.parametrize("what", VALUES)
def test_its_length_is_known_before_it_is_sent(what: str) -> None:
    message = Message.of(msgspec.msgpack.decode(msgspec.msgpack.encode(VALUES[what])))
    assert message.length == len(message.whole())


@pytest.mark.parametrize("cut", [1, 5, 10, 20, 1000, LARGE_BYTES])
async def test_a_message_that_ends_too_early_is_none(cut: int) -> None:
    with pytest.raises(Malformed):
        await received(Message.of([LARGE]).whole()[:cut], 4096)


NONE = {
    "no msgpack": Message(b"\xc1", []),
    "too little msgpack": Message(b"\x92\x01", []),
    "a placeholder of nothing": Message(msgspec.msgpack.encode(msgspec.msgpack.Ext(1, b"\0\0\0\0\0\0\0\x07")), [LARGE]),
    "a placeholder that is none": Message(msgspec.msgpack.encode(msgspec.msgpack.Ext(1, b"\x07")), [LARGE]),
    "another extension": Message(msgspec.msgpack.encode(msgspec.msgpack.Ext(2, b"\0\0\0\0\0\0\0\0")), [LARGE]),
}


@pytest.mark.parametrize("what", NONE)
def test_what_bears_no_value_is_malformed(what: str) -> None:
    with pytest.raises(Malformed):
        NONE[what].value()


async def test_large_bytes_are_gathered_once_and_given_away_without_a_copy() -> None:
    size = 20_000_000
    message = Message.of({"content": bytes(size)})
    tracemalloc.start()
    try:
        found = await Incoming(aiter_of(message)).message()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found is not None
    assert found.value()["content"] is found.large[0]
    assert peak < 1.2 * size


async def aiter_of(message: Message) -> AsyncIterator[bytes]:
    for piece in message.pieces():
        yield piece
