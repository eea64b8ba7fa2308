"""Answers that come bit by bit, on their way to whoever listens."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import cast

from converto.ai.conversation import Piece
from converto.kernel.context import within


async def begun(pieces: AsyncIterator[Piece]) -> tuple[Piece, AsyncIterator[Piece]]:
    """Return the first piece and the rest: what fails before it comes is told with a status of its own. Raises what the pieces raise."""
    return await anext(pieces), pieces


async def following(first: Piece, rest: AsyncIterator[Piece]) -> AsyncGenerator[Piece]:
    """Yield all pieces. A listener who leaves lets the model go at once; no deadline of the request holds, for it has been answered."""
    try:
        yield first
        while True:
            with within(deadline=None):
                piece = await anext(rest, None)
            if piece is None:
                return
            yield piece
    finally:
        await cast("AsyncGenerator[Piece]", rest).aclose()
