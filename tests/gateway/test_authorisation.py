from uuid import uuid4

import httpx2
import pytest

from converto.gateway.layers.authorisation import ClosedRoute, authorise
from converto.kernel.access import CLOSED, Access, Admission
from converto.kernel.actor import Actor
from converto.kernel.errors import Error, Forbidden, Unauthenticated, Unavailable

ANNA = Actor(tenant_id=uuid4(), scopes=frozenset({"things:read"}))


@pytest.mark.parametrize(
    ("scope", "actor", "refusal"),
    [
        ("things:read", ANNA, None),
        (None, ANNA, None),
        ("things:write", ANNA, Forbidden),
        ("things", ANNA, Forbidden),
        ("things:read", None, Unauthenticated),
        (None, None, Unauthenticated),
        (CLOSED, ANNA, ClosedRoute),
        (CLOSED, None, ClosedRoute),
    ],
)
def test_who_may_use_a_route(scope: str | None, actor: Actor | None, refusal: type[Error] | None) -> None:
    if refusal is None:
        authorise(Access(scope, Admission.READ), actor)
        return
    with pytest.raises(refusal):
        authorise(Access(scope, Admission.READ), actor)


def test_who_lacks_a_scope_is_told_which() -> None:
    with pytest.raises(Forbidden, match="things:write"):
        authorise(Access("things:write", Admission.READ), ANNA)


def test_why_a_token_was_refused_is_said() -> None:
    with pytest.raises(Unavailable):
        authorise(Access(None, Admission.READ), None, refusal=Unavailable(module="auth"))


async def test_a_route_that_no_table_names_is_closed_to_everybody(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/things/unlisted/route")
    assert (answer.status_code, answer.json()["code"]) == (403, "gateway.closed_route")


async def test_nothing_is_read_of_what_nobody_may_send(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/things/private", content=b"{no json", headers={"content-type": "application/json"})
    assert answer.status_code == 401
