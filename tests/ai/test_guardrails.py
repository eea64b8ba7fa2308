import pytest

from converto.ai.conversation import ChatRequest, ImageUrl, Message, Part
from converto.ai.guardrails import check_size, masked
from converto.ai.refusals import PromptTooLarge
from tests.ai.house import House, question, somebody

ID, CARD, IBAN = "131052-308T", "4111 1111 1111 1111", "FI21 1234 5600 0007 85"


def text_of(request: ChatRequest) -> str:
    content = request.messages[-1].content
    assert isinstance(content, str)
    return content


@pytest.mark.parametrize(
    ("said", "sent", "counts"),
    [
        (f"Hetu {ID}.", "Hetu [PERSONAL-ID-1].", {"personal_id": 1}),
        ("Hetu 010594Y9032", "Hetu [PERSONAL-ID-1]", {"personal_id": 1}),
        (f"Kortti {CARD}!", "Kortti [CARD-1]!", {"card": 1}),
        (f"Tili {IBAN} on", "Tili [IBAN-1] on", {"iban": 1}),
        (f"{IBAN} ja {IBAN.replace(' ', '')}", "[IBAN-1] ja [IBAN-1]", {"iban": 1}),
        (f"{IBAN} maksaa {ID}", "[IBAN-1] maksaa [PERSONAL-ID-1]", {"iban": 1, "personal_id": 1}),
    ],
)
def test_personal_data_is_marked(said: str, sent: str, counts: dict[str, int]) -> None:
    request, found = masked(question(said))
    assert (text_of(request), found) == (sent, counts)


@pytest.mark.parametrize("said", ["131052-308U", "4111 1111 1111 1112", "FI21 1234 5600 0007 86", "viite 1234 5678", "311352-308T"])
def test_what_its_check_digits_deny_stays(said: str) -> None:
    assert text_of(masked(question(said))[0]) == said


def test_parts_of_a_message_are_masked_too() -> None:
    message = Message(role="user", content=(Part(type="text", text=ID),))
    request, found = masked(ChatRequest(messages=(message,)))
    assert request.messages[0].content == (Part(type="text", text="[PERSONAL-ID-1]"),)
    assert found == {"personal_id": 1}


def test_too_much_text_and_too_large_pictures_are_refused() -> None:
    with pytest.raises(PromptTooLarge):
        check_size(question("ä" * 60), max_prompt_bytes=100, max_image_bytes=10)
    picture = Part(type="image_url", image_url=ImageUrl(url="data:image/png;base64," + "A" * 40))
    with pytest.raises(PromptTooLarge):
        check_size(ChatRequest(messages=(Message(role="user", content=(picture,)),)), max_prompt_bytes=100, max_image_bytes=10)


async def test_the_provider_never_sees_what_is_masked(house: House) -> None:
    completion = await house.ask(somebody(), f"Kenen on {ID}?", mask_pii=True)
    assert completion.masked == {"personal_id": 1}
    assert ID not in str(house.fake.asked[-1])
