"""The whole torture list on every route that takes a body."""

from pathlib import Path

import pytest

from tests.gateway.torture import NAUGHTY, TORTURE
from tests.openapi.bodies import Sender, routes, whole


@pytest.mark.trials
@pytest.mark.timeout(1800)
async def test_no_route_fails_at_anything_of_the_torture_list(data_dir: Path) -> None:
    async with whole(data_dir) as (app, http):
        sender, every = Sender(http), list(routes(app))
        for route in every:
            for name, body in TORTURE.items():
                await sender.raw(route, name, body)
            for text in NAUGHTY:
                await sender.text(route, text)
    statuses = dict(sorted(sender.statuses.items()))
    print(f"\n{len(TORTURE)} bodies and {len(NAUGHTY)} texts on {len(every)} routes: {sender.statuses.total()} requests, {statuses}")
    assert sender.failed == []
