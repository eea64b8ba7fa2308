"""What is kept from providers: too much, and personal data where a company wants that."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache

from converto.ai.call import data_of
from converto.ai.conversation import ChatRequest, Message, Part
from converto.ai.refusals import PromptTooLarge

_CHECK_SIGNS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_PERSONAL_ID = re.compile(r"(?<![\w-])(\d{6})[-+A-FU-Y](\d{3})([0-9A-FHJ-NPR-Y])(?![\w-])", re.ASCII | re.IGNORECASE)
_CARD = re.compile(r"(?<![\d-])(?:\d[ -]?){12,18}\d(?![\d-])", re.ASCII)
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?!\w)", re.ASCII | re.IGNORECASE)
IBAN_LENGTHS = range(15, 35)


def check_size(request: ChatRequest, *, max_prompt_bytes: int, max_image_bytes: int) -> None:
    """Go on only with a question that is not too large. Raises PromptTooLarge."""
    words = pictures = 0
    for message in request.messages:
        if isinstance(message.content, str):
            words += len(message.content.encode())
        for part in message.content if isinstance(message.content, tuple) else ():
            words += len((part.text or "").encode())
            found = data_of(part.image_url.url) if part.image_url is not None else None
            pictures += len(found[1]) * 3 // 4 if found is not None else 0
        words += sum(len(str(call)) for call in message.tool_calls)
    if words > max_prompt_bytes:
        raise PromptTooLarge(max_bytes=max_prompt_bytes)
    if pictures > max_image_bytes:
        raise PromptTooLarge(max_bytes=max_image_bytes)


def masked(request: ChatRequest) -> tuple[ChatRequest, Mapping[str, int]]:
    """Return a question without personal ids, card numbers and accounts, and how many of each there were.

    The same one is always the same mark, such as `[IBAN-1]`, so that the model can tell them apart.
    """
    marks = _Marks()
    messages = tuple(_masked_message(message, marks) for message in request.messages)
    return request.model_copy(update={"messages": messages}), dict(marks.counts)


class _Marks:
    """What stands for what, within one question."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._given: dict[tuple[str, str], str] = {}

    def of(self, kind: str, found: str) -> str:
        key = (kind, re.sub(r"[ -]", "", found).upper())
        if key not in self._given:
            self.counts[kind] += 1
            self._given[key] = f"[{kind.upper().replace('_', '-')}-{self.counts[kind]}]"
        return self._given[key]

    def taken(self, text: str) -> str:
        for kind, pattern, is_one in _kinds():

            def mark(found: re.Match[str], kind: str = kind, is_one: Callable[[str], int] = is_one) -> str:
                length = is_one(found[0])
                return self.of(kind, found[0][:length]) + found[0][length:] if length else found[0]

            text = pattern.sub(mark, text)
        return text


@cache
def _kinds() -> tuple[tuple[str, re.Pattern[str], Callable[[str], int]], ...]:
    return (("iban", _IBAN, _iban_length), ("personal_id", _PERSONAL_ID, _personal_id_length), ("card", _CARD, _card_length))


def _masked_message(message: Message, marks: _Marks) -> Message:
    if isinstance(message.content, str):
        return message.model_copy(update={"content": marks.taken(message.content)})
    if message.content is None:
        return message
    parts = tuple(_masked_part(part, marks) for part in message.content)
    return message.model_copy(update={"content": parts})


def _masked_part(part: Part, marks: _Marks) -> Part:
    return part if part.text is None else part.model_copy(update={"text": marks.taken(part.text)})


def _personal_id_length(found: str) -> int:
    """Return the length of a Finnish personal id, or 0 where its check sign says that it is none."""
    number = int(found[:6] + found[7:10])
    day, month = int(found[:2]), int(found[2:4])
    is_one = 1 <= day <= 31 and 1 <= month <= 12 and _CHECK_SIGNS[number % 31] == found[10].upper()
    return len(found) if is_one else 0


def _card_length(found: str) -> int:
    """Return the length of a card's number, or 0 where its check digit says that it is none."""
    digits = [int(sign) for sign in found if sign.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return len(found) if sum(doubled) % 10 == 0 and len(set(digits)) > 1 else 0


def _iban_length(found: str) -> int:
    """Return how much of what looks like an account is one: words may follow it that look like more of it."""
    signs = [place for place, sign in enumerate(found) if sign != " "]
    for count in range(min(len(signs), IBAN_LENGTHS.stop - 1), IBAN_LENGTHS.start - 1, -1):
        text = "".join(found[place] for place in signs[:count]).upper()
        end = signs[count - 1] + 1
        if (end == len(found) or found[end] == " ") and int("".join(str(int(sign, 36)) for sign in text[4:] + text[:4])) % 97 == 1:
            return end
    return 0
