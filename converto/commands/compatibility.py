"""Whether a contract still holds what an older one promised.

Callees are deployed before callers: a new module must take every argument that an old caller sends, and an old caller must be able to
read every answer and event of a new module. Events are kept, so a new module must read those of before as well.

One more value of an enumeration is an addition where it is asked for, and breaks an old caller where it is answered: it knows no such
value. Unless the enumeration is open (`Open[Colour]`, in a schema the enumeration or any text): then the old caller keeps the text.
Opening an enumeration breaks nobody, and a value may be added in the release after it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
UPPER = ("maxLength", "maximum", "exclusiveMaximum", "maxItems")
LOWER = ("minLength", "minimum", "exclusiveMinimum", "minItems")
NESTED = ("items", "additionalProperties")


def broken(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return what an older contract of a module promised and the newer one does not, one sentence each."""
    return [*_operations(old["operations"], new["operations"]), *_events(old["events"], new["events"])]


def _operations(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name, before in old.items():
        after = new.get(name)
        if after is None:
            yield f"{name}: the operation is gone"
            continue
        if before["kind"] != after["kind"]:
            yield f"{name}: was a {before['kind']}, is a {after['kind']}"
        yield from _Comparison(before["arguments"], after["arguments"], is_sent_by_old=True).of_whole(f"{name}, arguments")
        yield from _Comparison(before["result"], after["result"], is_sent_by_old=False).of_whole(f"{name}, result")


def _events(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name, before in old.items():
        after = new.get(name)
        if after is None:
            yield f"{name}: the event is gone"
        elif before["version"] == after["version"]:
            found = list(_Comparison(before["data"], after["data"], is_sent_by_old=False).of_whole(name))
            yield from found or _Comparison(before["data"], after["data"], is_sent_by_old=True).of_whole(name)


@dataclass(frozen=True)
class _Comparison:
    """Compares two schemas, of which one side writes and the other one reads."""

    old: Schema
    new: Schema
    is_sent_by_old: bool

    def of_whole(self, where: str) -> Iterator[str]:
        yield from self._compare(self.old, self.new, where, frozenset())

    def _compare(self, old: Schema, new: Schema, where: str, seen: frozenset[tuple[str, str]]) -> Iterator[str]:
        refs = (str(old.get("$ref", "")), str(new.get("$ref", "")))
        if all(refs):
            if refs in seen:
                return
            seen |= {refs}
        sent, read = self._sides(_alternatives(old, self.old), _alternatives(new, self.new))
        for alternative in sent if self.is_sent_by_old else _as_if_closed(sent):
            found = [list(self._single(*self._sides(alternative, candidate), where, seen)) for candidate in read]
            if [] not in found:
                fitting = [reasons for reasons, candidate in zip(found, read, strict=True) if _type(candidate) == _type(alternative)]
                yield from fitting[0] if fitting else [f"{where}: {self._unread(alternative)}"]

    def _unread(self, alternative: Schema) -> str:
        return f"{_type(alternative)} is no longer taken" if self.is_sent_by_old else f"may now be {_type(alternative)}"

    def _sides(self, old: Any, new: Any) -> tuple[Any, Any]:
        """Return the writing and the reading side, or, given those, the old and the new one."""
        return (old, new) if self.is_sent_by_old else (new, old)

    def _single(self, old: Schema, new: Schema, where: str, seen: frozenset[tuple[str, str]]) -> Iterator[str]:
        if _type(old) != _type(new):
            yield f"{where}: was {_type(old)}, is {_type(new)}"
            return
        yield from self._enumeration(_values(old), _values(new), where)
        yield from self._bounds(old, new, where)
        yield from self._properties(old, new, where, seen)
        for key in NESTED:
            if isinstance(old.get(key), Mapping) and isinstance(new.get(key), Mapping):
                yield from self._compare(old[key], new[key], f"{where}[]", seen)

    def _enumeration(self, old: Sequence[Any], new: Sequence[Any], where: str) -> Iterator[str]:
        gone = [value for value in old if new and value not in new]
        if gone or (new and not old and self.is_sent_by_old):
            yield f"{where}: {', '.join(map(str, gone)) or 'every other value'} is gone"
        added = [value for value in new if value not in old]
        if old and not self.is_sent_by_old and (added or not new):
            yield f"{where}: {', '.join(map(str, added)) or 'any value'} is new, and an old caller cannot read it unless it is Open"

    def _bounds(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        sent, read = self._sides(old, new)
        if old.get("pattern") != new.get("pattern"):
            yield f"{where}: the pattern has changed"
        for bounds, sign in ((UPPER, 1), (LOWER, -1)):
            for bound in bounds:
                if bound in read and (bound not in sent or sign * sent[bound] > sign * read[bound]):
                    yield f"{where}: {bound} was {old.get(bound)}, is {new.get(bound)}"

    def _properties(self, old: Schema, new: Schema, where: str, seen: frozenset[tuple[str, str]]) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        sent, read = self._sides(old, new)
        for name in before:
            if name in after:
                yield from self._compare(before[name], after[name], f"{where}.{name}", seen)
            else:
                yield f"{where}.{name}: is gone"
        for name in read.get("required", ()):
            if name in after and name not in sent.get("required", ()):
                yield f"{where}.{name}: {'is now required' if self.is_sent_by_old else 'may now be absent'}"


def _alternatives(schema: Schema, root: Schema) -> Sequence[Schema]:
    """Return the shapes that a value may have, with references followed."""
    if "$ref" in schema:
        return _alternatives(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    several = schema.get("anyOf", schema.get("oneOf"))
    if several is None:
        return [schema]
    return [alternative for part in several for alternative in _alternatives(part, root)]


def _as_if_closed(alternatives: Sequence[Schema]) -> Sequence[Schema]:
    """Leave out the text that stands for values to come: for now only those of the enumeration beside it are sent."""
    types = {_type(alternative) for alternative in alternatives if _values(alternative)}
    return [
        alternative
        for alternative in alternatives
        if _values(alternative) or alternative.keys() != {"type"} or _type(alternative) not in types
    ]


def _type(schema: Schema) -> str:
    return " ".join(str(schema[key]) for key in ("type", "format") if key in schema) or "anything"


def _values(schema: Schema) -> Sequence[Any]:
    return [schema["const"]] if "const" in schema else list(schema.get("enum", ()))
