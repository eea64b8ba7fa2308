"""Every route, asked by nobody, by each role and by keys: it is refused exactly where the access table says so."""

from collections.abc import AsyncIterator, Mapping
from uuid import uuid4

import httpx2
import pytest

from converto.auth.roles import FOR_KEYS, SCOPES, Role
from converto.kernel.access import Access
from tests.isolation.town import Somebody, Town, empty_town

NOBODY = "nobody"


@pytest.fixture(scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with empty_town(tmp_path_factory.mktemp("data")) as opened:
        yield opened


@pytest.fixture(scope="module")
def table(town: Town) -> Mapping[str, Access]:
    found: Mapping[str, Access] = town.app.state.edge.routes.entries()
    return found


def refusal(answer: httpx2.Response, access: Access) -> int | None:
    """Return the status by which the table's own rule has refused a request; None where it did not."""
    if answer.status_code not in {401, 403}:
        return None
    said = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    if answer.status_code == 401 and said["code"] in {"unauthenticated", "auth.invalid_token"}:
        return 401
    return 403 if said["code"] == "forbidden" and said["detail"] == f"This needs the scope {access.scope}." else None


def wanted(access: Access, scopes: frozenset[str] | None) -> int | None:
    """Return what the table says to somebody with these scopes; None scopes are nobody."""
    if not access.needs_actor:
        return None
    if scopes is None:
        return 401
    return None if access.scope is None or access.scope in scopes else 403


async def answer_to(town: Town, route: str, who: Somebody | None) -> httpx2.Response:
    """Ask with ids that nobody has, and with nothing in the body: what is let through finds nothing to do."""
    method, _, template = route.partition(" ")
    names = [part.partition("}")[0] for part in template.split("{")[1:]]
    known = {name: "1" if name == "page" else "swagger.js" if name == "asset" else str(uuid4()) for name in names}
    return await town.ask(who, method, template.format_map(known))


async def test_each_role_is_refused_exactly_where_the_table_says_so(town: Town, table: Mapping[str, Access]) -> None:
    company = await town.company("Lumo Oy")
    people = {role: await town.member(company, role) for role in Role}
    wrong, asked = {}, 0
    for route, access in table.items():
        for role in (None, *Role):
            says = wanted(access, None if role is None else SCOPES[role])
            answer = await answer_to(town, route, None if role is None else people[role])
            if role is not None and answer.status_code == 401:  # what they asked before has ended their session
                people[role] = await town.member(company, role)
                answer = await answer_to(town, route, people[role])
            asked += 1
            if refusal(answer, access) != says or answer.status_code >= 500:
                wrong[route, role or NOBODY] = (says, answer.status_code, answer.text[:200])
    assert wrong == {}
    assert asked == 6 * len(table)


async def test_a_key_is_refused_exactly_where_the_table_says_so(town: Town, table: Mapping[str, Access]) -> None:
    owner = await town.member(await town.company("Lumo Oy"), Role.OWNER)
    one = {scope: await town.key(owner, scope) for scope in sorted(FOR_KEYS)}
    others = {scope: await town.key(owner, *(FOR_KEYS - {scope})) for scope in sorted(FOR_KEYS)}
    wrong, asked = {}, 0
    for route, access in table.items():
        scope = access.scope if access.scope in FOR_KEYS else "ocr:read"
        for key, given in ((one[scope], frozenset({scope})), (others[scope], FOR_KEYS - {scope})):
            answer = await answer_to(town, route, key)
            asked += 1
            if refusal(answer, access) != wanted(access, given) or answer.status_code >= 500:
                wrong[route, scope, len(given)] = (wanted(access, given), answer.status_code, answer.text[:200])
    assert wrong == {}
    assert asked == 2 * len(table)


async def test_a_route_that_stands_in_the_table_otherwise_is_found(town: Town, table: Mapping[str, Access]) -> None:
    """What the two before it would see of a table that says less than the edge does."""
    company = await town.company("Lumo Oy")
    route = "POST /events/publish"
    answer = await answer_to(town, route, await town.member(company, Role.VIEWER))
    assert refusal(answer, table[route]) == 403
    assert wanted(Access(None, table[route].admission), SCOPES[Role.VIEWER]) is None
