"""`converto access`: who may use which route, as docs/access.md."""

from collections.abc import Iterator, Mapping, Sequence

from converto.auth.roles import Role, allows
from converto.gateway.routes import merged
from converto.kernel.access import OPEN, OPERATORS, Access
from converto.kernel.manifest import Module

HEAD = """\
# Who may use which route

Made by `converto access` from the access table in `converto/gateway/access.py`, which the edge asks before a route is entered: change the
table, not this page. A route that stands in no table is closed to everybody (403). Services ask for the same scope once more.

- **Needs**: the scope that the caller's role, API key or token has to give; *anybody* needs no sign-in, *operators* send
  `CONVERTO_METRICS_TOKEN` where it is set, *signed in* is everybody with a good token.
- **Class**: which requests a route competes with when there are more than can be answered; see [gateway.md](gateway.md).
- **Key**: it creates something, and takes an `Idempotency-Key`. **Waits**: its caller may ask to wait for something to happen.
"""
_OTHERS = {None: "signed in", OPERATORS: "operators"}


def page(modules: Sequence[Module]) -> str:
    """Return the table as a page of Markdown."""
    names = {module.name for module in modules}
    by_area: dict[str, list[tuple[str, Access]]] = {}
    for route, access in merged(modules).items():
        area = route.partition(" /")[2].partition("/")[0]
        by_area.setdefault(area if area in names else "edge", []).append((route, access))
    return "\n".join([HEAD, *(line for area, entries in by_area.items() for line in _table(area, entries))])


def cells(route: str, access: Access) -> Mapping[str, str]:
    """Return what the page says of a route, by column."""
    others = [f"cached {access.cache_s} s"] if access.cache_s else []
    others += [name for name, is_so in (("key", access.creates), ("waits", access.waits)) if is_so]
    return {
        "Route": f"`{route}`",
        "Needs": f"`{access.scope}`" if access.scope and access.needs_actor else _OTHERS.get(access.scope, "anybody"),
        **{role.value.capitalize(): "yes" if _may(role, access) else "-" for role in Role},
        "Class": access.admission.value,
        "Also": ", ".join(others),
    }


def _may(role: Role, access: Access) -> bool:
    return access.scope in OPEN or access.scope is None or allows(role, access.scope)


def _table(area: str, entries: Sequence[tuple[str, Access]]) -> Iterator[str]:
    rows = [cells(route, access) for route, access in entries]
    yield f"## {area}\n"
    yield f"| {' | '.join(rows[0])} |"
    yield f"|{'---|' * len(rows[0])}"
    yield from (f"| {' | '.join(row.values())} |".replace("|  |", "| |") for row in rows)
    yield ""
