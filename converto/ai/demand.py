"""What a question needs, and what it may cost, before anybody has counted its tokens."""

from converto.ai.conversation import ChatRequest
from converto.ai.selection import Demand

BYTES_PER_TOKEN = 4
"""Of ordinary text; an estimate."""
TOKENS_PER_MESSAGE = 8
TOKENS_PER_IMAGE = 1200
MOST_TOKENS_PER_IMAGE = 6000


def demand_of(request: ChatRequest, *, default_max_tokens: int, max_cost_nano: int | None) -> Demand:
    """Return what a question needs. A token is at least a byte, so that there can be no more of them than bytes."""
    said = pictures = addresses = 0
    for message in request.messages:
        if isinstance(message.content, str):
            said += len(message.content.encode())
        for part in message.content if isinstance(message.content, tuple) else ():
            said += len((part.text or "").encode())
            if part.image_url is not None:
                pictures += 1
                addresses += not part.image_url.url.startswith("data:")
        said += sum(len(str(call)) for call in message.tool_calls)
    said += sum(len(str(tool)) for tool in request.tools)
    said += len(str(request.response_schema)) if request.response_schema is not None else 0
    around = TOKENS_PER_MESSAGE * (len(request.messages) + 1)
    return Demand(
        prompt_tokens=-(-said // BYTES_PER_TOKEN) + around + TOKENS_PER_IMAGE * pictures,
        most_prompt_tokens=said + around + MOST_TOKENS_PER_IMAGE * pictures,
        max_tokens=request.max_tokens,
        default_max_tokens=default_max_tokens,
        has_images=pictures > 0,
        has_addresses=addresses > 0,
        has_schema=request.response_schema is not None,
        max_cost_nano=max_cost_nano,
    )
