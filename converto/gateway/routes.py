"""Which route a request is for, and who may use it: found once for each request, before anything is spent on it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute

from converto.gateway.access import TABLE
from converto.kernel.access import INTERNAL, UNLISTED, Access
from converto.kernel.config import CannotStart, ModuleSettings
from converto.kernel.manifest import Module

_PARAMETER = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*(:[a-z]+)?\}")
_ANYTHING = "[^/]+"
_READING = frozenset({"GET", "HEAD"})
_EXAMPLE = "~"
"""What no route has a name of its own for."""


@dataclass(slots=True, eq=False)
class Found:
    """A route: its path as it was written, `/ocr/scans/{scan_id}`, its entry in the table, and what is known of it."""

    template: str
    access: Access
    module: str = ""
    """The module whose REST it is; empty for the edge's own."""
    timeout_s: float | None = None
    """How long a request may take, where its module says so."""
    is_plain: bool = False
    """Whether it only reads, and is neither kept nor timed in a way of its own: as most are."""
    route: BaseRoute | None = None
    """What serves it; None where only the router knows, as of the routes of a router within a router."""
    alone_s: float = 0.0
    """What it takes when hardly anything else is done: learnt from the requests themselves."""
    learnt: int = 0


@dataclass(frozen=True, slots=True)
class Owner:
    """The module whose a route is, and how long its requests may take."""

    module: str
    timeout_s: float | None = None


NOBODY = Owner("")


@dataclass(slots=True)
class _Place:
    """A part of the way: what may come next, the most certain first, and the route that ends here."""

    literal: dict[str, "_Place"] = field(default_factory=dict)
    mixed: list[tuple[re.Pattern[str], "_Place"]] = field(default_factory=list)
    """Segments of which only a part varies, such as `{page}.png`."""
    any: "_Place | None" = None
    rest: "_Place | None" = None
    """What takes all that is left, `{path:path}`."""
    end: Found | None = None


class Routes:
    """Every route of an application with its entry in the access table.

    What is not found here is not there: the application's router is not asked, so that no path exists that the router knows and the table
    does not. Raises CannotStart where two routes could be mistaken for one another.
    """

    def __init__(self, routes: Sequence[BaseRoute], table: Mapping[str, Access], *, owners: Mapping[str, Owner] | None = None) -> None:
        self._fixed: dict[tuple[str, str], Found] = {}
        self._starts: dict[str, _Place] = {}
        self._all: dict[str, Access] = {}
        own = {id(route) for route in routes}
        for context in iter_route_contexts(routes):
            template, route = context.path or "", context.route if id(context.route) in own else None
            for method in context.methods or ():
                owner = (owners or {}).get(template, NOBODY)
                access = _entry(method, template, table)
                is_plain = method in _READING and not access.cache_s and owner.timeout_s is None
                self._add(method, Found(template, access, owner.module, owner.timeout_s, is_plain=is_plain, route=route))
        self._refuse_what_the_router_reads_otherwise()
        self._hidden = _hidden(route.partition(" ")[2] for route in self._all)

    def find(self, method: str, path: str) -> Found | None:
        """Return the route that a request is for; None where there is none.

        A path that is written out is that path alone, whatever the method: DELETE /passkeys/login does not remove the passkey `login`.
        """
        found = self._fixed.get((method, path)) or self._varying(method, path)
        if found is not None and any(written.fullmatch(path) for written in self._hidden.get(found.template, ())):
            return None
        return found

    def _varying(self, method: str, path: str) -> Found | None:
        start = self._starts.get(method)
        return None if start is None else _walk(start, path.split("/"), 1)

    def methods(self, path: str) -> list[str]:
        """Return the methods that a path takes; none where there is no such path."""
        return sorted(method for method in self._starts if self.find(method, path) is not None)

    def entries(self) -> Mapping[str, Access]:
        """Return every route, `GET /ocr/scans/{scan_id}`, with its entry."""
        return self._all

    def _refuse_what_the_router_reads_otherwise(self) -> None:
        """Raise CannotStart where the router, which takes the first route that fits, would take another than the table speaks of."""
        patterns: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
        for route in self._all:
            method, _, template = route.partition(" ")
            known = patterns.setdefault(method, [])
            known.append((template, re.compile(_written(template), re.DOTALL)))
            for example in _examples(template, [before for before, _ in known]):
                taken = next(before for before, pattern in known if pattern.fullmatch(example))
                found = self._varying(method, example)
                if found is None or found.template != taken:
                    msg = f"The routes {route} and {method} {taken} both take {example}: put the one that says more first in its router."
                    raise CannotStart(msg)

    def _add(self, method: str, found: Found) -> None:
        place = self._starts.setdefault(method, _Place())
        for segment in found.template.split("/")[1:]:
            place = _next(place, segment)
        place.end = place.end or found  # of two the router takes the first
        self._all.setdefault(f"{method} {found.template}", found.access)
        if "{" not in found.template:
            self._fixed[method, found.template] = place.end


def merged(modules: Iterable[Module]) -> Mapping[str, Access]:
    """Return the access table with what modules bring. Raises CannotStart where one speaks of a route that is not its own."""
    table = dict(TABLE)
    for module in modules:
        for route, access in module.access.items():
            if route in table:
                msg = f"The module {module.name} brings an entry for {route}, which the access table has already."
                raise CannotStart(msg)
            table[route] = access
    return table


def owners(modules: Iterable[Module], settings: Mapping[str, ModuleSettings]) -> Mapping[str, Owner]:
    """Return whose each route of these modules is, by its template."""
    found: dict[str, Owner] = {}
    for module in modules:
        owner = Owner(module.name, settings[module.name].timeout_s)
        routes = module.router.routes if module.router is not None else ()
        found |= {context.path or "": owner for context in iter_route_contexts(routes)}
    return found


def _entry(method: str, template: str, table: Mapping[str, Access]) -> Access:
    if template.startswith("/internal/"):
        return INTERNAL
    return table.get(f"{'GET' if method == 'HEAD' else method} {template}", UNLISTED)


def _next(place: _Place, segment: str) -> _Place:
    parameter = _PARAMETER.search(segment)
    if parameter is None:
        return place.literal.setdefault(segment, _Place())
    if parameter[1] == ":path":
        place.rest = place.rest or _Place()
        return place.rest
    if parameter[0] == segment:
        place.any = place.any or _Place()
        return place.any
    pattern = re.compile(_written(segment))
    known = next((after for other, after in place.mixed if other == pattern), None)
    if known is None:
        known = _Place()
        place.mixed.append((pattern, known))
    return known


def _walk(place: _Place, segments: list[str], at: int) -> Found | None:
    """Return the route that the rest of a path leads to; a segment that is written out wins over one that varies."""
    if at == len(segments):
        return place.end
    segment = segments[at]
    literal = place.literal.get(segment)
    found = None if literal is None else _walk(literal, segments, at + 1)
    if found is None and segment:
        for pattern, after in place.mixed:
            if found is None and pattern.fullmatch(segment):
                found = _walk(after, segments, at + 1)
        if found is None and place.any is not None:
            found = _walk(place.any, segments, at + 1)
    return found or (None if place.rest is None else place.rest.end)


def _written(template: str) -> str:
    """Return the regular expression of what a template takes."""
    parts = _PARAMETER.split(template)[::2]
    kinds = [".*" if kind == ":path" else _ANYTHING for kind in _PARAMETER.findall(template)]
    return "".join(re.escape(part) + kind for part, kind in zip(parts, [*kinds, ""], strict=True))


def _examples(template: str, before: Iterable[str]) -> Iterator[str]:
    """Yield a path that only the template need take, and for each of the others one that both take."""
    yield _PARAMETER.sub(_EXAMPLE, template)
    for other in before:
        example = _met(template, other) if template.count("/") == other.count("/") else None
        if example is not None:
            yield example


def _met(one: str, other: str) -> str | None:
    """Return a path that two templates of as many segments both take; None where there is none."""
    met = []
    for first, second in zip(one.split("/"), other.split("/"), strict=True):
        example = _EXAMPLE if _is_open(first) and _is_open(second) else _less_open(first, second)
        if not all(re.fullmatch(_written(segment), example) for segment in (first, second)):
            return None
        met.append(example)
    return "/".join(met)


def _hidden(templates: Iterable[str]) -> Mapping[str, Sequence[re.Pattern[str]]]:
    """Return what each template does not take although it could: other routes' paths that are written out where it varies."""
    every = sorted(set(templates))
    return {
        template: [re.compile(_written(other), re.DOTALL) for other in hiding]
        for template in every
        if (hiding := [other for other in every if _says_more(other, template)])
    }


def _says_more(one: str, other: str) -> bool:
    """Tell whether two templates differ in their last segments alone, and the first is written out there."""
    (parent, _, last), (another, _, open_) = one.rpartition("/"), other.rpartition("/")
    return _PARAMETER.sub("{}", parent) == _PARAMETER.sub("{}", another) and _is_open(open_) and _PARAMETER.search(last) is None


def _is_open(segment: str) -> bool:
    return _PARAMETER.fullmatch(segment) is not None


def _less_open(first: str, second: str) -> str:
    return _PARAMETER.sub(_EXAMPLE, second if _PARAMETER.search(first) and not (_PARAMETER.search(second) and _is_open(second)) else first)
