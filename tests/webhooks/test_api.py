"""Webhooks over HTTP, in the whole application: from signing in to the customer's socket."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from converto.kernel.clock import new_id
from converto.kernel.config import Environment, Settings
from tests.acceptance.conftest import started
from tests.acceptance.people import PASSWORD, Person, is_problem, register
from tests.webhooks.house import eventually
from tests.webhooks.receiver import Receiver

ROUTE = "/events/webhooks"
SECRETS = {"secret", "old_secret", "secrets"}


@pytest.fixture(scope="module")
async def http(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of an application that has people and webhooks; each test brings a company of its own."""
    folder: Path = tmp_path_factory.mktemp("webhooks")
    settings = Settings(environment=Environment.TEST, data_dir=folder, modules=("auth", "gateway", "webhooks"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CONVERTO_WEBHOOKS_ALLOWED_NETWORKS", "127.0.0.0/8")
        environment.setenv("CONVERTO_WEBHOOKS_PER_TENANT", "3")
        async with started(settings) as app, httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://converto") as client:
            yield client


@pytest.fixture
async def aino(http: httpx2.AsyncClient) -> Person:
    return await register(http)


@pytest.fixture
async def boris(http: httpx2.AsyncClient) -> Person:
    return await register(http)


@pytest.fixture(scope="module")
async def critic(http: httpx2.AsyncClient) -> Person:
    """Return somebody whose wishes are refused, so that nothing of one test is left for another."""
    return await register(http)


@pytest.fixture(scope="module")
async def path(critic: Person) -> str:
    """Return the path of a webhook that is never sent anything."""
    return f"{ROUTE}/{(await made(critic, 'http://127.0.0.1:9/', event_types=['vat.period.due_soon']))['id']}"


async def made(person: Person, url: str, **more: Any) -> dict[str, Any]:
    """Make a webhook."""
    answer = await person.ask("POST", ROUTE, json={"url": url, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"{ROUTE}/{found['id']}"
    return found


async def test_a_sign_in_reaches_the_endpoint_that_asked_for_it(http: httpx2.AsyncClient, aino: Person, receiver: Receiver) -> None:
    webhook = await made(aino, receiver.url, event_types=["auth.user.login"])
    await http.post("/auth/login", json={"email": aino.email, "password": PASSWORD})
    (post,) = await receiver.got()
    payload = post.verified(webhook["secret"])
    assert (payload["type"], payload["source"], payload["specversion"]) == ("auth.user.login", "auth", "1.0")


async def test_the_secret_is_shown_once(aino: Person, receiver: Receiver) -> None:
    webhook = await made(aino, receiver.url)
    shown = (await aino.get(f"{ROUTE}/{webhook['id']}")).json()
    listed = (await aino.get(ROUTE)).json()["items"]
    assert webhook["secret"].startswith("whsec_")
    assert SECRETS & {*shown, *listed[0]} == set()
    assert shown == {name: value for name, value in webhook.items() if name != "secret"} == listed[0]


async def test_the_answer_with_the_secret_is_kept_by_no_cache(aino: Person, receiver: Receiver) -> None:
    answer = await aino.ask("POST", ROUTE, json={"url": receiver.url})
    rotated = await aino.ask("POST", f"{ROUTE}/{answer.json()['id']}/secret/rotate")
    assert [found.headers["cache-control"] for found in (answer, rotated)] == ["no-store", "no-store"]


async def test_a_trial_is_told_of_at_its_location(aino: Person, receiver: Receiver) -> None:
    webhook = await made(aino, receiver.url, event_types=["vat.return.filed"])
    queued = await aino.ask("POST", f"{ROUTE}/{webhook['id']}/test")

    async def delivered() -> dict[str, Any] | None:
        found: dict[str, Any] = (await aino.get(queued.headers["location"])).json()
        return found if found["status"] == "delivered" else None

    delivery = await eventually(delivered)
    listed = (await aino.get(f"{ROUTE}/{webhook['id']}/deliveries")).json()["items"]
    assert queued.status_code == 202
    assert receiver.posts[0].verified(webhook["secret"])["type"] == "webhook.test"
    assert (delivery["event_id"], delivery["attempts"][0]["status_code"], listed) == (receiver.posts[0].id, 204, [delivery])


async def test_everything_about_a_webhook_can_be_changed_and_ended(aino: Person, receiver: Receiver) -> None:
    path = f"{ROUTE}/{(await made(aino, receiver.url))['id']}"
    changed = await aino.ask("PATCH", path, json={"event_types": ["ocr.*"], "description": "the books"})
    disabled = await aino.ask("POST", f"{path}/disable")
    refused = await aino.ask("POST", f"{path}/test")
    enabled = await aino.ask("POST", f"{path}/enable")
    gone = await aino.ask("DELETE", path)
    assert (changed.json()["event_types"], changed.json()["url"], changed.json()["description"]) == (["ocr.*"], receiver.url, "the books")
    assert (disabled.json()["status"], disabled.json()["disabled_because"]) == ("disabled", "asked")
    assert is_problem(refused, 409, "events.webhook_disabled")
    assert (enabled.json()["status"], gone.status_code, (await aino.get(path)).status_code) == ("active", 204, 404)


async def test_what_was_delivered_can_be_replayed(aino: Person, receiver: Receiver) -> None:
    webhook = await made(aino, receiver.url, event_types=["ocr.failed"])
    path = f"{ROUTE}/{webhook['id']}/deliveries"
    queued = (await aino.ask("POST", f"{ROUTE}/{webhook['id']}/test")).json()

    async def attempts(count: int) -> bool | None:
        return True if (await aino.get(f"{path}/{queued['id']}")).json()["attempt_count"] == count else None

    await eventually(lambda: attempts(1))
    one = await aino.ask("POST", f"{path}/{queued['id']}/replay")
    await eventually(lambda: attempts(2))
    span = {"from": "2026-01-01T00:00:00Z", "to": "2100-01-01T00:00:00+02:00"}
    none = await aino.ask("POST", f"{ROUTE}/{webhook['id']}/replay", json=span)
    every = await aino.ask("POST", f"{ROUTE}/{webhook['id']}/replay", json={**span, "status": None})
    await eventually(lambda: attempts(3))
    assert (one.status_code, none.json(), every.status_code, every.json()) == (202, {"replayed": 0}, 202, {"replayed": 1})
    assert {post.id for post in receiver.posts} == {queued["event_id"]}


async def test_another_company_sees_and_does_nothing(aino: Person, boris: Person, receiver: Receiver) -> None:
    webhook = await made(aino, receiver.url)
    path = f"{ROUTE}/{webhook['id']}"
    queued = (await aino.ask("POST", f"{path}/test")).json()
    one = f"{path}/deliveries/{queued['id']}"
    wishes = [("GET", path), ("PATCH", path), ("DELETE", path), ("POST", f"{path}/enable"), ("POST", f"{path}/disable")]
    wishes += [("POST", f"{path}/secret/rotate"), ("POST", f"{path}/test"), ("GET", f"{path}/deliveries")]
    wishes += [("GET", one), ("POST", f"{one}/replay")]
    answers = [await boris.ask(method, where, json={} if method == "PATCH" else None) for method, where in wishes]
    assert [answer for answer in answers if not is_problem(answer, 404, "events.unknown_webhook")] == []
    assert (await boris.get(ROUTE)).json() == {"items": [], "next_cursor": None}


async def test_a_delivery_is_not_shown_under_another_webhook(aino: Person, receiver: Receiver) -> None:
    first, second = await made(aino, receiver.url), await made(aino, receiver.url)
    queued = (await aino.ask("POST", f"{ROUTE}/{first['id']}/test")).json()
    answer = await aino.get(f"{ROUTE}/{second['id']}/deliveries/{queued['id']}")
    assert is_problem(answer, 404, "events.unknown_delivery")


async def test_a_company_has_so_many_webhooks_and_no_more(aino: Person, boris: Person, receiver: Receiver) -> None:
    first = await made(aino, receiver.url)
    for _ in range(2):
        await made(aino, receiver.url)
    refused = await aino.ask("POST", ROUTE, json={"url": receiver.url})
    await aino.ask("DELETE", f"{ROUTE}/{first['id']}")
    assert is_problem(refused, 409, "events.too_many_webhooks")
    assert await made(aino, receiver.url)
    assert await made(boris, receiver.url)


async def test_the_list_comes_in_pages(aino: Person, receiver: Receiver) -> None:
    ids = [(await made(aino, receiver.url))["id"] for _ in range(3)]
    first = (await aino.get(f"{ROUTE}?limit=2")).json()
    second = (await aino.get(f"{ROUTE}?limit=2&cursor={first['next_cursor']}")).json()
    assert ([item["id"] for item in first["items"] + second["items"]], second["next_cursor"]) == (ids, None)


async def test_the_same_key_makes_one_webhook(aino: Person, receiver: Receiver) -> None:
    headers = {"idempotency-key": "one"}
    answers = [await aino.ask("POST", ROUTE, json={"url": receiver.url}, headers=headers) for _ in range(2)]
    other = await aino.ask("POST", ROUTE, json={"url": f"{receiver.url}/other"}, headers=headers)
    assert answers[0].json() == answers[1].json()
    assert is_problem(other, 422, "gateway.idempotency_key_reused")


async def test_without_signing_in_nothing_is_told(http: httpx2.AsyncClient) -> None:
    path = f"{ROUTE}/{new_id()}"
    routes = [("GET", ROUTE), ("POST", ROUTE), ("GET", path), ("GET", f"{path}/deliveries"), ("POST", f"{path}/test")]
    assert [(await http.request(method, where)).status_code for method, where in routes] == [401] * len(routes)


URL = "https://example.com/hook"
BAD_BODIES: list[Any] = [
    None,
    [],
    {},
    {"url": None},
    {"url": 7},
    {"url": ""},
    {"url": "x" * 3000},
    {"url": "not a url"},
    {"url": "ftp://example.com/"},
    {"url": "javascript:alert(1)"},
    {"url": "https://"},
    {"url": "https://user:secret@example.com/"},
    {"url": "https://example.com/#part"},
    {"url": "https://example.com:0/"},
    {"url": "https://example.com:99999/"},
    {"url": "https://[::1"},
    {"url": "https://exa mple.com/"},
    {"url": "https://\u202eexample.com/"},
    {"url": "https://" + "a" * 300 + ".com/"},
    {"url": "https://10.0.0.1/"},
    {"url": "http://169.254.169.254/latest/meta-data/"},
    {"url": "https://[fd00:ec2::254]/"},
    {"url": "https://[::ffff:10.0.0.1]/"},
    {"url": "https://0xa9fea9fe/"},
    {"url": URL, "event_types": []},
    {"url": URL, "event_types": "ocr.*"},
    {"url": URL, "event_types": ["OCR.*"]},
    {"url": URL, "event_types": ["*.completed"]},
    {"url": URL, "event_types": ["ocr."]},
    {"url": URL, "event_types": ["ocr.*\n"]},
    {"url": URL, "event_types": ["a" * 101]},
    {"url": URL, "event_types": ["ocr.*"] * 51},
    {"url": URL, "description": "x" * 201},
    {"url": URL, "description": ["x"]},
]


@pytest.mark.parametrize("body", BAD_BODIES, ids=repr)
async def test_a_bad_webhook_is_refused_with_a_reason(critic: Person, body: Any) -> None:
    answer = await critic.ask("POST", ROUTE, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["detail"]


BAD_SPANS: list[Any] = [
    {},
    {"from": "2026-01-01T00:00:00Z"},
    {"from": "2026-01-01", "to": "2026-01-02"},
    {"from": "2026-01-01T00:00:00", "to": "2026-01-02T00:00:00"},
    {"from": "0001-01-01T00:00:00+14:00", "to": "2026-01-02T00:00:00Z"},
    {"from": "2026-01-01T00:00:00Z", "to": "9999-12-31T23:59:59-14:00"},
    {"from": 1e300, "to": 1},
    {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "status": "lost"},
]


@pytest.mark.parametrize("span", BAD_SPANS, ids=repr)
async def test_a_bad_time_to_replay_is_refused(critic: Person, path: str, span: Any) -> None:
    assert (await critic.ask("POST", f"{path}/replay", json=span)).status_code == 422


BAD_QUERIES = ["limit=0", "limit=201", "limit=x", "cursor=x", "cursor=%00", "status=lost", "cursor=" + "1" * 300]


@pytest.mark.parametrize("query", BAD_QUERIES)
async def test_a_bad_query_is_refused(critic: Person, path: str, query: str) -> None:
    assert 400 <= (await critic.get(f"{path}/deliveries?{query}")).status_code < 500


async def test_a_bad_overlap_is_refused(critic: Person, path: str) -> None:
    answers = [
        await critic.ask("POST", f"{path}/secret/rotate", json={"overlap_s": overlap}) for overlap in (-1, 604_801, 10**30, "x", None)
    ]
    assert [400 <= answer.status_code < 500 for answer in answers] == [True] * 5


BAD_CHANGES: list[Any] = [[], {"url": "http://10.0.0.1/"}, {"event_types": []}, {"event_types": ["X"]}, {"description": 7}]


@pytest.mark.parametrize("change", BAD_CHANGES, ids=repr)
async def test_a_bad_change_is_refused_and_changes_nothing(critic: Person, path: str, change: Any) -> None:
    before = (await critic.get(path)).json()
    assert (await critic.ask("PATCH", path, json=change)).status_code == 422
    assert (await critic.get(path)).json() == before


@pytest.mark.parametrize("name", ["x", "0", "%00", "01A20636-32DD-72A0-BDBF-B39AFC4CE8CB0"])
async def test_a_name_that_is_no_id_is_answered_with_a_reason(critic: Person, path: str, name: str) -> None:
    answers = [
        await critic.get(f"{ROUTE}/{name}"),
        await critic.get(f"{path}/deliveries/{name}"),
        await critic.ask("POST", f"{ROUTE}/{name}/test"),
    ]
    assert [400 <= answer.status_code < 500 for answer in answers] == [True] * 3
