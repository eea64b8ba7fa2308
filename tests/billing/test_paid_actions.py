"""Everything that a plan holds asks for it before it is done; what comes to nothing is charged to nobody."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx2
import pytest

from tests.acceptance.people import PASSWORD, sample
from tests.billing.storefront import Storefront, eventually, storefront

SCANS, TOKENS, SPEND = "ocr_scans_per_month", "ai_tokens_per_month", "ai_spend_per_month"
QUESTION = {"prompt": "Mitä kuitissa lukee?", "model_preference": "openai-gpt-4o", "max_tokens": 50}


@pytest.fixture(scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Storefront]:
    """Return the product where every company has the starter."""
    async with storefront(tmp_path_factory.mktemp("data"), CONVERTO_BILLING_DEFAULT_PLAN="starter") as shop:
        yield shop


@pytest.fixture
async def shop(opened: Storefront) -> Storefront:
    """Return it for a company that has just signed up, with models that have not failed lately."""
    opened.app.state.edge.runtime.hosted["ai"].service._health._watches.clear()
    return await opened.for_another()


def refusal(answer: httpx2.Response) -> tuple[str, int, int, str | None]:
    """Return what was refused, by what limit, how much is used, and which plan holds more."""
    assert (answer.status_code, answer.headers["content-type"]) == (402, "application/problem+json"), answer.text
    said = answer.json()
    assert said["code"] == "billing.limit_reached"
    assert str(said["limit"]) in said["detail"]
    return said["feature"], said["limit"], said["used"], said["upgrade_to"]


async def settled(shop: Storefront, feature: str, used: int) -> None:
    """Wait until so much is used, and nothing is held any more."""

    async def is_so() -> bool:
        return await shop.used(feature) == (used, 0)

    await eventually(is_so)


async def test_a_scan_is_refused_beyond_the_limit_and_one_that_is_cancelled_is_free_again(shop: Storefront) -> None:
    await shop.agree(SCANS, 1)
    first = await shop.owner.upload(sample("03-fuel.png"))
    assert first.status_code == 202
    refused = await shop.owner.upload(sample("03-fuel.png"))
    assert refusal(refused)[:2] == (SCANS, 1)
    cancelled = await shop.owner.ask("POST", f"/ocr/scans/{first.json()['id']}/cancel")
    if cancelled.status_code == 200:  # it was not read faster than it was cancelled
        await settled(shop, SCANS, 0)
    else:
        await settled(shop, SCANS, 1)
    await shop.agree(SCANS, 2)
    await shop.owner.read(sample("03-fuel.png"))


async def test_an_answer_counts_its_tokens_and_its_cost(shop: Storefront) -> None:
    (tokens, _), (spent, _) = await shop.used(TOKENS), await shop.used(SPEND)
    answer = (await shop.owner.ask("POST", "/ai/chat", json=QUESTION)).json()
    usage = answer["usage"]
    await settled(shop, TOKENS, tokens + usage["prompt_tokens"] + usage["completion_tokens"])
    cost = float(answer["cost"]["amount"]) * 10**6
    assert 0 <= (await shop.used(SPEND))[0] - spent - cost < 1


async def test_an_answer_that_is_streamed_counts_the_same(shop: Storefront) -> None:
    before, _ = await shop.used(TOKENS)
    answer = await shop.owner.ask("POST", "/ai/chat", json={**QUESTION, "stream": True})
    assert "event: done" in answer.text
    await eventually(lambda: _counted_beyond(shop, before))


async def _counted_beyond(shop: Storefront, before: int) -> bool:
    used, held = await shop.used(TOKENS)
    return used > before and held == 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["500", "malformed"])
async def test_a_model_that_fails_costs_the_company_nothing(shop: Storefront, fault: str, *, stream: bool) -> None:
    before = await shop.used(TOKENS), await shop.used(SPEND)
    shop.models.broken = {"openai": fault}
    try:
        answer = await shop.owner.ask("POST", "/ai/chat", json={**QUESTION, "stream": stream})
    finally:
        shop.models.broken = {}
    assert answer.status_code in {502, 503}, answer.text
    assert (await shop.used(TOKENS), await shop.used(SPEND)) == before


@pytest.mark.parametrize("feature", [TOKENS, SPEND])
@pytest.mark.parametrize("path", ["/ai/chat", "/ai/v1/chat/completions"])
async def test_a_question_is_refused_where_the_plan_would_not_hold_its_answer(shop: Storefront, feature: str, path: str) -> None:
    asked = len(shop.models.asked)
    used, _ = await shop.used(feature)
    await shop.agree(feature, used)
    openai = {"model": "openai-gpt-4o", "messages": [{"role": "user", "content": "?"}]}
    answer = await shop.owner.ask("POST", path, json=QUESTION if path == "/ai/chat" else openai)
    await shop.operate("DELETE", f"/overrides/{feature}")
    assert refusal(answer)[:3] == (feature, used, used)
    assert len(shop.models.asked) == asked
    assert await shop.used(TOKENS) == await shop.used(SPEND) == (0, 0)


async def test_an_api_key_is_made_and_used_only_where_the_plan_holds_api_access(shop: Storefront) -> None:
    new = {"name": "Kirjaus", "scopes": ["billing:read"]}
    assert refusal(await shop.owner.ask("POST", "/auth/api-keys", json=new)) == ("api_access", 0, 0, "professional")
    await shop.agree("api_access", 1)
    made = await shop.owner.ask("POST", "/auth/api-keys", json=new)
    headers = {"authorization": f"Bearer {made.json()['key']}"}
    assert (await shop.http.get("/billing/entitlements", headers=headers)).status_code == 200
    await shop.operate("DELETE", "/overrides/api_access")

    async def is_refused() -> bool:
        return (await shop.http.get("/billing/entitlements", headers=headers)).status_code == 402

    await eventually(is_refused)


async def test_of_many_invitations_at_once_as_many_go_out_as_there_are_seats(shop: Storefront) -> None:
    asked = [{"email": f"{uuid4().hex}@example.fi", "role": "member"} for _ in range(5)]
    answers = await asyncio.gather(*(shop.owner.ask("POST", "/auth/tenant/invitations", json=one) for one in asked))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 402, 402, 402]
    assert {refusal(answer) for answer in answers if answer.status_code == 402} == {("seats", 3, 3, "professional")}
    again = next(one for one, answer in zip(asked, answers, strict=True) if answer.status_code == 201)
    assert (await shop.owner.ask("POST", "/auth/tenant/invitations", json=again)).status_code == 201


async def test_of_many_webhooks_at_once_as_many_are_made_as_the_plan_holds(shop: Storefront) -> None:
    wanted = {"url": "http://127.0.0.1:9/hear", "event_types": ["ocr.completed"]}
    key = {"idempotency-key": str(uuid4())}
    assert (await shop.owner.ask("POST", "/events/webhooks", json=wanted, headers=key)).status_code == 201
    await shop.agree("webhooks", 3)
    answers = await asyncio.gather(*(shop.owner.ask("POST", "/events/webhooks", json=wanted) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 402, 402, 402]
    assert {refusal(answer) for answer in answers if answer.status_code == 402} == {("webhooks", 3, 3, "professional")}
    assert (await shop.owner.ask("POST", "/events/webhooks", json=wanted, headers=key)).status_code == 201


async def test_nobody_but_the_operator_corrects_anything(shop: Storefront) -> None:
    path = f"/billing/companies/{shop.company}"
    for method, what, body in (
        ("GET", "/overrides", None),
        ("PUT", "/overrides/seats", {"limit": None, "reason": "me"}),
        ("DELETE", "/overrides/seats", None),
        ("GET", "/payments", None),
        ("POST", "/refunds", {"payment_id": "ch_1", "amount": "1.00", "reference": "a"}),
        ("POST", "/corrections", {"feature": SCANS, "key": "ocr:1"}),
        ("POST", "/reconcile", None),
    ):
        answer = await shop.owner.ask(method, path + what, json=body)
        assert (answer.status_code, answer.json()["detail"]) == (403, "This needs the scope billing:correct."), what


async def test_what_the_operator_agrees_holds_at_once_and_is_listed_until_it_is_withdrawn(shop: Storefront) -> None:
    agreed = await shop.operate("PUT", "/overrides/analytics", json={"limit": 1, "is_hard": False, "reason": "a friend"})
    (listed,) = [one for one in (await shop.operate("GET", "/overrides")).json()["items"] if one["feature"] == "analytics"]
    assert listed == agreed.json()
    over = {"limit": 1, "reason": "a friend", "until": "2020-01-01T00:00:00Z"}
    assert (await shop.operate("PUT", "/overrides/analytics", json=over)).status_code == 422
    assert (await shop.operate("DELETE", "/overrides/analytics")).status_code == 204
    assert (await shop.operate("DELETE", "/overrides/analytics")).status_code == 404


async def test_the_operator_counts_back_what_was_counted(shop: Storefront) -> None:
    usage = {"feature": "vision_analyses_per_month", "quantity": 4, "idempotency_key": "v1"}
    assert (await shop.owner.ask("POST", "/billing/usage", json=usage)).status_code == 200
    for _ in range(2):
        counted_back = {"feature": "vision_analyses_per_month", "key": "api:v1"}
        assert (await shop.operate("POST", "/corrections", json=counted_back)).status_code == 204
    assert await shop.used("vision_analyses_per_month") == (0, 0)


async def test_an_invitation_does_no_good_where_the_plan_has_lost_its_seat(shop: Storefront) -> None:
    email = f"{uuid4().hex}@example.fi"
    await shop.agree("seats", 9)
    assert (await shop.owner.ask("POST", "/auth/tenant/invitations", json={"email": email, "role": "member"})).status_code == 201
    await shop.agree("seats", 1)
    token = await shop.mailed_token(email)
    accepted = {"token": token, "full_name": "Eino Salo", "password": PASSWORD}
    assert refusal(await shop.http.post("/auth/invitations/accept", json=accepted)) == ("seats", 1, 1, "starter")
    await shop.agree("seats", 2)
    assert (await shop.http.post("/auth/invitations/accept", json=accepted)).status_code == 201
