import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from converto.gateway.limits import Limits, SignInUncounted, Standing
from converto.gateway.plans import OnePlan, limits
from converto.gateway.rates import Measure, Quota, Rates
from converto.gateway.redis_rates import RedisRates
from converto.kernel.actor import Actor
from tests.gateway.conftest import client_of, running, settings_in
from tests.gateway.test_authentication import PERSON, bearer
from tests.servers import Redis

ANNA, BORIS = (Actor(tenant_id=uuid4(), user_id=uuid4()) for _ in range(2))
PLANS = {"small": 10, "large": 1000}


class Two:
    """One company has a small plan, and the others a large one."""

    async def plan(self, tenant_id: UUID) -> str:
        return "small" if tenant_id == ANNA.tenant_id else "large"


def some(**others: Any) -> Limits:
    return Limits(Two(), PLANS, {"ocr": 5}, sign_in=5, **others)


async def let_in(limits: Limits, actor: Actor, module: str, *, tries: int = 20) -> int:
    return len([standing for standing in [await limits.of_principal(actor, module) for _ in range(tries)] if standing.refusal is None])


async def test_each_principal_may_send_what_its_companys_plan_allows() -> None:
    of_all = some()
    assert [await let_in(of_all, who, "") for who in (ANNA, BORIS)] == [3, 20]


async def test_a_module_may_allow_less() -> None:
    of_all = some()
    assert [await let_in(of_all, BORIS, module) for module in ("ocr", "vat")] == [2, 20]


async def test_what_one_quota_refuses_uses_up_no_other() -> None:
    of_all = some()
    await let_in(of_all, ANNA, "ocr")
    standing = await of_all.of_principal(ANNA, "")
    assert standing == (((b"ratelimit", b'"small";r=0;t=18'), (b"ratelimit-policy", b'"small";q=10;w=60')), None)


async def test_a_limited_module_limits_also_those_who_are_not_signed_in() -> None:
    of_all = some()
    told = [await of_all.of_nobody("203.0.113.7", "ocr") for _ in range(3)]
    assert [one is not None and one.refusal is None for one in told] == [True, True, False]
    assert await of_all.of_nobody("203.0.113.7", "vat") is None


@pytest.fixture(scope="module")
def redis() -> Any:
    with Redis() as server:
        yield server


@pytest.fixture
async def shared(redis: Redis) -> AsyncIterator[list[Limits]]:
    """Return the limits of two processes that count in one Redis."""
    redis.empty()
    both = [RedisRates(redis.url) for _ in range(2)]
    yield [some(together=rates, processes=2) for rates in both]
    for rates in both:
        await rates.close()


async def test_processes_that_share_a_redis_count_together(shared: list[Limits]) -> None:
    assert [await let_in(of_all, ANNA, "") for of_all in shared] == [3, 0]


async def test_redis_counts_as_memory_does(redis: Redis) -> None:
    redis.empty()
    rates, measures = RedisRates(redis.url), (Measure.of(Quota("a", 10)), Measure.of(Quota("b", 30)))
    together = [ahead_s for _ in range(15) for ahead_s in await rates.take("anna", measures)]
    await rates.close()
    moment = 1000.0
    memory = Rates(clock=lambda: moment)
    assert together == pytest.approx([ahead_s for _ in range(15) for ahead_s in memory.take_all("anna", measures)], abs=2)


async def test_without_redis_each_process_allows_its_share_and_nobody_may_try_to_sign_in() -> None:
    with Redis() as gone:
        url = gone.url
    rates = RedisRates(url)
    of_all = some(together=rates, processes=2)
    assert await let_in(of_all, ANNA, "") == 2
    with pytest.raises(SignInUncounted):
        await of_all.of_sign_in("203.0.113.7")
    await rates.close()


async def test_a_redis_that_is_back_is_asked_again(redis: Redis) -> None:
    moment = 1000.0
    rates = RedisRates(redis.url, clock=lambda: moment)
    rates._gone_until = 1001.0
    of_all = some(together=rates)
    with pytest.raises(SignInUncounted):
        await of_all.of_sign_in("203.0.113.9")
    moment = 1001.5
    assert isinstance(await of_all.of_sign_in("203.0.113.9"), Standing)
    await rates.close()


async def test_the_limits_of_plans_are_written_with_commas() -> None:
    assert limits("starter=1200, large=5") == {"starter": 1200, "large": 5}
    assert await OnePlan("large").plan(uuid4()) == "large"
    for wrong in ("", "starter", "starter=0", "=5", "starter=many"):
        with pytest.raises(ValueError, match="is no plan"):
            limits(wrong)


@pytest.fixture
async def narrow(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of an application that allows little."""
    monkeypatch.setenv("CONVERTO_GATEWAY_PLAN_LIMITS", "starter=20")
    monkeypatch.setenv("CONVERTO_GATEWAY_DEFAULT_PLAN", "starter")
    monkeypatch.setenv("CONVERTO_THINGS_RATE_LIMIT", "10")
    monkeypatch.setenv("CONVERTO_GATEWAY_SIGN_IN_RATE_LIMIT", "10")
    async with running(settings_in(data_dir)) as app, client_of(app) as http:
        yield http


async def test_every_limited_answer_says_how_its_sender_stands(narrow: httpx2.AsyncClient) -> None:
    token = bearer((await narrow.post("/auth/register", json=PERSON)).json()["access_token"])
    answers = [await narrow.get("/things/mine", headers=token) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    first, last = answers[0], answers[-1]
    assert first.headers["ratelimit-policy"] == '"starter";q=20;w=60, "things";q=10;w=60'
    assert first.headers["ratelimit"] == '"starter";r=4;t=3, "things";r=2;t=6'
    assert re.fullmatch(r'"starter";r=2;t=\d+, "things";r=0;t=1\d', last.headers["ratelimit"])
    assert (last.json()["code"], 1 <= int(last.headers["retry-after"]) <= 6) == ("gateway.rate_limited", True)
    told = (await narrow.get("/stats")).json()["limits_hit"]
    assert (told["rate"], told["things"], told["address"]) == (1, 1, 0)


async def test_one_address_may_try_to_sign_in_so_often(narrow: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(narrow.post("/auth/refresh", json={"refresh_token": "x" * 43}) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [401, 401, 401, 429]


async def test_health_is_never_limited(narrow: httpx2.AsyncClient) -> None:
    answers = [await narrow.get("/health") for _ in range(40)]
    assert {answer.status_code for answer in answers} == {200}
    assert "ratelimit" not in answers[0].headers
