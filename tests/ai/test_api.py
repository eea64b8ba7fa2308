"""Models over HTTP, by the whole application: as people, as programs with a key, and as OpenAI's own client."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import openai
import pytest
import uvicorn

from converto.commands.fake_models import FakeModels
from tests.ai.house import environment, running, serving
from tests.isolation.town import Somebody, Town, empty_town, picture

WORDS = "The receipt says twelve euros and forty cents."


@dataclass(frozen=True)
class Open:
    """The application and the provider that it asks."""

    town: Town
    fake: FakeModels
    url: str
    program: Somebody


@pytest.fixture(scope="module")
async def open_house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Open]:
    fake = FakeModels()
    with pytest.MonkeyPatch.context() as patch:
        async with serving(fake) as upstream:
            for name, value in environment(upstream).items():
                patch.setenv(name, value)
            async with empty_town(tmp_path_factory.mktemp("town")) as town:
                program = await town.key(town.owner, "ai:read", "ai:write")
                config = uvicorn.Config(town.app, port=0, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
                async with running(config) as url:
                    yield Open(town, fake, url, program)


@pytest.fixture
def openly(open_house: Open) -> Open:
    open_house.fake.faults.clear()
    open_house.fake.broken.clear()
    return open_house


@pytest.fixture
async def client(openly: Open) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{openly.url}/ai/v1", api_key=openly.program.token, max_retries=0) as client:
        yield client


async def test_a_prompt_is_answered_with_what_the_surface_promises(openly: Open) -> None:
    answer = await openly.town.ask(openly.town.owner, "POST", "/ai/chat", json={"prompt": "Mitä?", "model_preference": "openai-gpt-4o"})
    told = answer.json()
    assert answer.status_code == 200, told
    promised = {"id", "text", "model", "provider", "strategy", "usage", "cost", "latency_ms", "attempts", "cached", "routing"}
    assert promised <= told.keys()
    assert (told["text"], told["model"], told["cost"]["currency"]) == (WORDS, "openai-gpt-4o", "EUR")
    assert told["routing"]["reason"] == "It was asked for by name."


async def test_a_stream_is_sent_as_deltas_and_a_done(openly: Open) -> None:
    body = {"messages": [{"role": "user", "content": "Mitä?"}], "stream": True}
    answer = await openly.town.ask(openly.town.owner, "POST", "/ai/chat", json=body)
    events = [frame.split("\n", 1) for frame in answer.text.strip().split("\n\n")]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert {head for head, _ in events[:-1]} == {"event: delta"}
    assert "".join(json.loads(data[6:])["text"] for _, data in events[:-1]) == WORDS
    assert (events[-1][0], json.loads(events[-1][1][6:])["text"]) == ("event: done", WORDS)


async def test_a_stream_that_breaks_off_ends_with_an_error(openly: Open) -> None:
    openly.fake.broken = dict.fromkeys(("openai", "anthropic", "gemini"), "cut")
    answer = await openly.town.ask(openly.town.owner, "POST", "/ai/chat", json={"prompt": "Mitä?", "stream": True})
    assert "event: error" in answer.text
    assert "ai.truncated" in answer.text
    assert "event: done" not in answer.text


async def test_what_fails_before_the_first_words_has_a_status(openly: Open) -> None:
    body = {"prompt": "Mitä?", "stream": True, "model_preference": "no-such"}
    answer = await openly.town.ask(openly.town.owner, "POST", "/ai/chat", json=body)
    assert (answer.status_code, answer.json()["code"]) == (404, "ai.unknown_model")


async def test_pictures_go_along_in_each_dialect(openly: Open) -> None:
    image = base64.b64encode(picture()).decode()
    for model, sign in (("gpt-4o", "image_url"), ("claude-haiku-4-5", '"source"'), ("gemini-2.5-flash", "inlineData")):
        body = {"prompt": "Mitä?", "images": [image], "model_preference": model}
        answer = await openly.town.ask(openly.town.owner, "POST", "/ai/chat", json=body)
        assert answer.status_code == 200, answer.text
        asked = json.dumps(openly.fake.asked[-1][1])
        assert sign in asked
        assert image in asked


async def test_what_is_no_picture_is_refused(openly: Open) -> None:
    answer = await openly.town.ask(openly.town.owner, "POST", "/ai/chat", json={"prompt": "Mitä?", "images": ["not a picture!"]})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/images/0")


async def test_only_who_pays_the_bills_sets_budgets(openly: Open) -> None:
    budget = {"hard": {"amount": "10", "currency": "EUR"}}
    refused = await openly.town.ask(openly.program, "PUT", "/ai/budget", json=budget)
    done = await openly.town.ask(openly.town.owner, "PUT", "/ai/budget", json=budget)
    assert (refused.status_code, done.status_code) == (403, 200)
    assert done.json()["items"][0]["hard"] == {"amount": "10.000000000", "currency": "EUR"}


async def test_usage_models_and_health_tell_of_what_was_asked(openly: Open) -> None:
    await openly.town.ask(openly.town.owner, "POST", "/ai/chat", json={"prompt": "Mitä?", "model_preference": "gpt-4o"})
    usage = (await openly.town.ask(openly.town.owner, "GET", "/ai/usage?by=model")).json()
    models = (await openly.town.ask(openly.town.owner, "GET", "/ai/models")).json()
    health = (await openly.town.ask(None, "GET", "/ai/health")).json()
    assert any(line["model"] == "openai-gpt-4o" and line["calls"] >= 1 for line in usage["items"])
    assert all(model["price_version"] for model in models["items"])
    assert health["status"] == "ok"
    assert health["models"]["openai-gpt-4o"]["p50_ms"] > 0


async def test_openais_own_client_is_answered(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Mitä?"}], max_tokens=50)
    assert answer.choices[0].message.content == WORDS
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 9


async def test_openais_own_client_is_answered_bit_by_bit(client: openai.AsyncOpenAI) -> None:
    texts, usage = [], None
    stream = await client.chat.completions.create(
        model="claude", messages=[{"role": "user", "content": "Mitä?"}], stream=True, stream_options={"include_usage": True}
    )
    async for chunk in stream:
        texts += [choice.delta.content or "" for choice in chunk.choices]
        usage = chunk.usage or usage
    assert "".join(texts) == WORDS
    assert usage is not None
    assert usage.completion_tokens == 9


async def test_many_who_wait_for_a_model_at_once_are_all_answered(openly: Open, client: openai.AsyncOpenAI) -> None:
    openly.fake.latency_s = 0.5
    asked = [client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Mitä?"}]) for _ in range(60)]
    answers = await asyncio.gather(*asked)
    openly.fake.latency_s = 0.0
    assert {answer.choices[0].message.content for answer in answers} == {WORDS}


async def test_openais_own_client_lists_the_models(client: openai.AsyncOpenAI) -> None:
    names = [model.id async for model in client.models.list()]
    assert {"openai-gpt-4o", "anthropic-claude-haiku-4-5", "gemini-gemini-2.5-flash"} <= set(names)


async def test_openais_own_client_is_told_of_a_stream_that_breaks_off(openly: Open, client: openai.AsyncOpenAI) -> None:
    openly.fake.broken["openai"] = "cut"
    stream = await client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Mitä?"}], stream=True)
    with pytest.raises(openai.APIError, match="broke off"):
        [chunk async for chunk in stream]
