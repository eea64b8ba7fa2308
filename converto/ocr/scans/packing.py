"""Words with their places, packed as they are kept."""

import json
import zlib
from collections.abc import Sequence

from converto.ocr.document import PageWords


def packed(words: Sequence[PageWords]) -> bytes:
    """Return words as they are kept."""
    return zlib.compress(json.dumps([page.model_dump(mode="json") for page in words], ensure_ascii=False).encode())


def unpacked(kept: bytes) -> tuple[PageWords, ...]:
    """Return words that were kept."""
    return tuple(PageWords.model_validate(page) for page in json.loads(zlib.decompress(kept)))
