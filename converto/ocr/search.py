"""Words as they are looked for: without case and diacritics, in every database alike."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

MOST_TERMS: Final = 20
"""What somebody looks for beyond these words is not looked at."""
_LONGEST_WORD: Final = 60
_MOST_WORDS_BYTES: Final = 500_000
"""PostgreSQL takes a megabyte, with what it keeps of each word; so many different words no document has."""


def words_of(texts: Iterable[str]) -> str:
    """Return the words of texts, each once, separated by spaces.

    What is joined by punctuation stands there in parts and as one word: `9,62` as 9, 62 and 962.
    """
    words = dict.fromkeys(word[:_LONGEST_WORD] for text in texts for chunk in text.split() for word in _words(chunk))
    found = " ".join(words)
    if len(found.encode()) <= _MOST_WORDS_BYTES:
        return found
    return found.encode()[:_MOST_WORDS_BYTES].decode(errors="ignore").rpartition(" ")[0]


def terms(asked: str) -> Sequence[str]:
    """Return what somebody looks for, as beginnings of words: letters and digits alone, whatever else was typed."""
    found = dict.fromkeys("".join(_parts(chunk))[:_LONGEST_WORD] for chunk in asked.split())
    return [term for term in found if term][:MOST_TERMS]


def texts_of(filename: str, reading: Mapping[str, Any] | None, corrections: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield what a scan is found by: its file's name, its text, its fields, and what people said of them."""
    yield filename
    yield (reading or {}).get("text", "")
    for one in (*(reading or {}).get("fields", {}).values(), *(corrections or {}).values()):
        value = (one or {}).get("value")
        if isinstance(value, Mapping):
            value = value.get("amount")
        if isinstance(value, str):
            yield value
            yield ".".join(reversed(value.split("-")))  # of a day as it is written in Finland; of anything else no harm


def word_of_tenant(tenant_id: UUID) -> str:
    """Return a word that stands in every document of a company: with it an index leaves out the other companies' at once."""
    return f"t{tenant_id.hex}"


def _words(chunk: str) -> Iterator[str]:
    parts = _parts(chunk)
    yield from parts
    if len(parts) > 1:
        yield "".join(parts)


def _parts(chunk: str) -> Sequence[str]:
    plain = (letter for letter in unicodedata.normalize("NFKD", chunk.casefold()) if not unicodedata.combining(letter))
    return "".join(letter if letter.isalnum() else " " for letter in plain).split()
