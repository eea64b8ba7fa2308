"""A sample of the torture list on every route that takes a body; all of it is a trial."""

from collections.abc import AsyncIterator
from itertools import islice

import httpx2
import pytest
from fastapi import FastAPI

from converto.gateway.strict_json import BadJson, check
from tests.gateway.hostile import BAD_JSON
from tests.gateway.torture import NAUGHTY, TORTURE
from tests.openapi.bodies import Sender, routes, whole

EVERY = 193
"""So many of the list are passed over; a prime, so that neighbours of every kind come."""


@pytest.fixture(scope="module")
async def converto(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[FastAPI, httpx2.AsyncClient]]:
    async with whole(tmp_path_factory.mktemp("data")) as both:
        yield both


def test_the_list_is_long_and_no_body_comes_twice() -> None:
    assert len(TORTURE) > 500
    assert len(set(TORTURE.values())) > 500
    assert len(set(NAUGHTY)) == len(NAUGHTY) > 150


def test_a_body_is_taken_or_refused_with_a_reason_and_nothing_else() -> None:
    reasons = {name: _reason(body) for name, body in TORTURE.items()}
    assert [name for name, reason in reasons.items() if reason == ""] == []
    assert {name for name, reason in reasons.items() if reason is None}.isdisjoint(BAD_JSON)


def _reason(body: bytes) -> str | None:
    """Return why a body is refused; None where it is not."""
    try:
        check(body)
    except BadJson as refused:
        return str(refused.details["errors"][0]["detail"])
    return None


async def test_no_route_fails_at_what_is_strange(converto: tuple[FastAPI, httpx2.AsyncClient]) -> None:
    app, http = converto
    sender = Sender(http)
    for number, route in enumerate(routes(app)):
        for name, body in islice(TORTURE.items(), number % EVERY, None, EVERY):
            await sender.raw(route, name, body)
        for text in islice(NAUGHTY, number % EVERY, None, EVERY):
            await sender.text(route, text)
    assert sender.failed == []
    assert sender.statuses.total() > 100
