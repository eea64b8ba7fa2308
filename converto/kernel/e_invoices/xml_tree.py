"""XML of strangers as a small tree: no document type, no entities, and bounds on its size, its depth and its elements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

MAX_BYTES = 5_000_000
MAX_DEPTH = 40
MAX_ELEMENTS = 200_000
MAX_TEXT_CHARS = 5_000_000
_NAMESPACE_END = "}"


class UnreadableXml(Exception):
    """XML that is damaged, too large or too deep, or that brings a document type."""


@dataclass(slots=True)
class Element:
    """An element by its local name: which namespace and version a name is of does not matter to whoever asks for it."""

    name: str
    attributes: dict[str, str]
    parts: list[str] = field(default_factory=list)
    children: list[Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Give its own text, in one line."""
        return " ".join("".join(self.parts).split())

    def every(self, *path: str) -> Iterator[Element]:
        """Yield the elements that a path leads to; a step may give several names, as in `Header|Document`."""
        if not path:
            yield self
            return
        names = path[0].split("|")
        for child in self.children:
            if child.name in names:
                yield from child.every(*path[1:])

    def first(self, *path: str) -> Element | None:
        """Return the first element that a path leads to."""
        return next(self.every(*path), None)

    def said(self, *path: str) -> str | None:
        """Return the text at a path; None where there is none or it is empty."""
        found = self.first(*path)
        return found.text or None if found is not None else None


class _Builder:
    """Makes the tree from what the parser tells."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._elements = 0
        self._chars = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if len(self._open) >= MAX_DEPTH or self._elements > MAX_ELEMENTS:
            message = "it is too deep or has too many elements"
            raise UnreadableXml(message)
        element = Element(name.rpartition(_NAMESPACE_END)[2], attributes)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, _name: str) -> None:
        self._open.pop()

    def text(self, piece: str) -> None:
        self._chars += len(piece)
        if self._chars > MAX_TEXT_CHARS:
            message = "it is too large"
            raise UnreadableXml(message)
        self._open[-1].parts.append(piece)


def parse(content: bytes) -> Element:
    """Return the root of an XML document. Raises UnreadableXml."""
    if len(content) > MAX_BYTES:
        message = "it is too large"
        raise UnreadableXml(message)
    parser, builder = expat.ParserCreate(namespace_separator=_NAMESPACE_END), _Builder()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    try:
        parser.Parse(content, True)  # noqa: FBT003  expat's own way to say that this is all
    except (expat.ExpatError, LookupError, ValueError) as error:  # the latter two: an encoding that nobody knows, or of another kind
        raise UnreadableXml(str(error)) from error
    if builder.root is None:
        message = "it is empty"
        raise UnreadableXml(message)
    return builder.root


def _refuse(*_: object) -> NoReturn:
    message = "it brings a document type"
    raise UnreadableXml(message)
