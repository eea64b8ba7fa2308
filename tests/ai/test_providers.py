"""Providers that are set up by their settings alone, and tools that are passed through to each dialect and back."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from converto.ai.conversation import Message
from converto.kernel.actor import Actor
from tests.ai.house import House, opened, question

SETTINGS = {
    "CONVERTO_AI_AZURE_API_KEY": "az",
    "CONVERTO_AI_AZURE_BASE_URL": "{url}/openai/v1",
    "CONVERTO_AI_AZURE_MODELS": "chat=gpt-4o",
    "OPENROUTER_API_KEY": "or",
    "CONVERTO_AI_OPENROUTER_BASE_URL": "{url}/api/v1",
    "CONVERTO_AI_OPENROUTER_MODELS": "openai/gpt-4o",
    "OLLAMA_BASE_URL": "{url}/v1",
    "CONVERTO_AI_OLLAMA_MODELS": "llama3.2, mistral",
    "CONVERTO_AI_VLLM_BASE_URL": "{url}/v1",
    "CONVERTO_AI_VLLM_MODELS": "qwen3",
    "CONVERTO_AI_VLLM_API_KEY": "vl",
}
TOOL = {
    "type": "function",
    "function": {
        "name": "rate_of",
        "description": "The rate of VAT.",
        "parameters": {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]},
    },
}


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with opened(tmp_path_factory.mktemp("ai"), **SETTINGS) as house:
        yield house


@pytest.mark.parametrize(
    ("asked", "sent", "header", "secret", "is_free"),
    [
        ("azure-chat", "chat", "api-key", "az", False),
        ("openrouter-openai/gpt-4o", "openai/gpt-4o", "authorization", "Bearer or", False),
        ("ollama-llama3.2", "llama3.2", "authorization", None, True),
        ("ollama-mistral", "mistral", "authorization", None, True),
        ("vllm-qwen3", "qwen3", "authorization", "Bearer vl", True),
    ],
)
async def test_a_provider_is_asked_as_its_settings_say(
    house: House, aino: Actor, asked: str, sent: str, header: str, secret: str | None, *, is_free: bool
) -> None:
    answer = await house.ask(aino, model_preference=asked)

    assert answer.model == asked
    assert house.fake.asked[-1][1]["model"] == sent
    assert house.fake.headers[-1].get(header) == secret
    assert (answer.cost_usd == 0) is is_free


@pytest.mark.parametrize("model", ["gpt-4o", "claude-haiku-4-5", "gemini-2.5-flash"])
async def test_tools_go_to_a_model_and_its_calls_come_back_in_one_shape(house: House, aino: Actor, model: str) -> None:
    house.fake.tool_call = ("rate_of", {"what": "bread"})
    try:
        answer = await house.ask(aino, model_preference=model, tools=(TOOL,), tool_choice="auto")
    finally:
        house.fake.tool_call = None

    assert '"rate_of"' in json.dumps(house.fake.asked[-1][1]["tools"])
    (call,) = answer.tool_calls
    assert (call["type"], call["function"]["name"]) == ("function", "rate_of")
    assert json.loads(call["function"]["arguments"]) == {"what": "bread"}


@pytest.mark.parametrize("model", ["gpt-4o", "claude-haiku-4-5", "gemini-2.5-flash"])
async def test_what_a_tool_said_goes_to_a_model(house: House, aino: Actor, model: str) -> None:
    call: dict[str, Any] = {"id": "c1", "type": "function", "function": {"name": "rate_of", "arguments": '{"what": "bread"}'}}
    earlier = question().messages
    messages = (*earlier, Message(role="assistant", tool_calls=(call,)), Message(role="tool", content="13.5", tool_call_id="c1"))
    await house.ai.chat(aino, question(model_preference=model, tools=(TOOL,)).model_copy(update={"messages": messages}))

    body = json.dumps(house.fake.asked[-1][1])
    assert "13.5" in body
    assert body.count("rate_of") >= 2
