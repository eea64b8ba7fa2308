"""What goes by litellm, whose loading alone takes longer than a test may."""

import pytest

from converto.ai.call import Call, Delta, Result, UpstreamFailed, Usage
from converto.ai.conversation import Message, Outcome
from converto.ai.dialects.litellm import LiteLLM, price_map
from converto.commands.fake_models import FakeModels
from tests.ai.house import serving

pytestmark = [pytest.mark.trials, pytest.mark.filterwarnings("ignore")]

ASKED = Call("openai/gpt-4o", (Message(role="user", content="Mitä?"),), 50)
WORDS = "The receipt says twelve euros and forty cents."


async def test_other_providers_answer_by_litellm_and_a_cut_stream_is_not_taken_for_whole() -> None:
    fake = FakeModels()
    async with serving(fake) as url:
        lite = LiteLLM(timeout_s=60, options={"api_base": f"{url}/v1"})
        result = await lite.chat(ASKED, key="x")
        assert (result.text, result.finish_reason, result.usage) == (WORDS, "stop", Usage(fake.bills[-1].prompt, 9))
        pieces = [piece async for piece in lite.stream(ASKED, key="x")]
        assert "".join(piece.text for piece in pieces if isinstance(piece, Delta)) == WORDS
        assert isinstance(pieces[-1], Result)
        for fault, outcome in (("cut", Outcome.TRUNCATED), ("429", Outcome.RATE_LIMITED), ("500", Outcome.SERVER_ERROR)):
            fake.broken["openai"] = fault
            with pytest.raises(UpstreamFailed) as failed:
                [piece async for piece in lite.stream(ASKED, key="x")]
            assert failed.value.outcome is outcome


def test_prices_are_read_without_loading_the_library() -> None:
    version, entries = price_map(["mistral/mistral-large-latest", "nobody/nothing"])
    assert version.startswith("litellm-")
    assert entries.keys() == {"mistral/mistral-large-latest"}
