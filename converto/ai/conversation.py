"""What a model is asked, and what it answers."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from converto.kernel.interface import Value
from converto.kernel.money import Ceiling, Money
from converto.kernel.written import WHOLE, Number, YesNo

Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=4_000_000)]
TokenLimit = Annotated[int, Field(ge=1, le=2_000_000), WHOLE]
Stop = Annotated[str, Field(min_length=1, max_length=200)]
MOST_MESSAGES = 2000


class Strategy(StrEnum):
    """By what a model is chosen."""

    COST = "cost"
    SPEED = "speed"
    QUALITY = "quality"
    COST_PERFORMANCE = "cost-performance"


class ImageUrl(Value):
    """A picture: a `data:` URL, or an address that the provider fetches it from."""

    url: str = Field(max_length=40_000_000, pattern=r"^(data:image/(png|jpeg|webp|gif);base64,|https://)", repr=False)
    detail: Literal["auto", "low", "high"] | None = None


class Part(Value):
    """A text or a picture within a message."""

    type: Literal["text", "image_url"]
    text: Text | None = None
    image_url: ImageUrl | None = None


class Message(Value):
    """One turn of a conversation, in the shape that most clients know."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Text | tuple[Part, ...] | None = None
    name: str | None = Field(default=None, max_length=64)
    tool_calls: tuple[dict[str, Any], ...] = ()
    tool_call_id: str | None = Field(default=None, max_length=200)


class TemplateUse(Value):
    """A prompt template, and what stands in its places."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    version: Annotated[int, Field(ge=1, le=2**31 - 1), WHOLE] | None = None
    """None means the newest."""
    variables: dict[Annotated[str, Field(max_length=64)], Text] = Field(default_factory=dict)


class ChatRequest(Value):
    """What is asked of whichever model is chosen."""

    messages: tuple[Message, ...] = Field(default=(), max_length=MOST_MESSAGES)
    template: TemplateUse | None = None
    model_preference: Name | None = None
    """A model (`openai-gpt-4o`, `gpt-4o`), a family (`claude`), or a strategy."""
    strategy: Strategy | None = None
    max_tokens: TokenLimit | None = None
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = None
    top_p: Annotated[Number, Field(gt=0, le=1)] | None = None
    stop: tuple[Stop, ...] = Field(default=(), max_length=4)
    response_schema: dict[str, Any] | None = None
    tools: tuple[dict[str, Any], ...] = Field(default=(), max_length=128)
    tool_choice: str | dict[str, Any] | None = None
    max_cost: Ceiling | None = None
    """A model that could cost more than this is not asked."""
    allow_fallback: YesNo = False
    """Whether another model may answer where one model was named and fails."""
    cache: YesNo | None = None
    """Whether an earlier answer to the same question will do; None means: at temperature 0."""
    mask_pii: YesNo | None = None
    """Whether personal ids, card numbers and accounts are kept from the provider; None means what the company has set."""


class Outcome(StrEnum):
    """What became of one call of a provider."""

    OK = "ok"
    RATE_LIMITED = "rate_limited"
    REJECTED = "rejected"
    UNAUTHORISED = "unauthorised"
    SERVER_ERROR = "server_error"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    LEFT = "left"
    """Whoever asked went away before the end."""
    LOST = "lost"
    """Our process died in the middle of it."""


class UsageSource(StrEnum):
    """Where numbers of tokens come from."""

    PROVIDER = "provider"
    ESTIMATED = "estimated"


class Tokens(Value):
    """What an answer took. Those read from a provider's cache, or written to it, are among the prompt's."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0


class Attempt(Value):
    """One call of a provider."""

    model: str
    outcome: Outcome
    latency_ms: int


class Candidate(Value):
    """A model that was looked at, and how it did."""

    model: str
    score: float | None = None
    expected_cost: Money | None = None
    excluded: str | None = None
    """Why it was not among those to choose from."""


class Routing(Value):
    """Why this model."""

    strategy: str
    chosen: str
    reason: str
    candidates: tuple[Candidate, ...] = ()


class Completion(Value):
    """An answer, and what it took."""

    id: UUID
    created_at: datetime
    text: str
    tool_calls: tuple[dict[str, Any], ...] = ()
    finish_reason: str
    model: str
    provider: str
    strategy: str
    usage: Tokens
    usage_source: UsageSource = UsageSource.PROVIDER
    cost: Money
    """In euros, by the rate that `GET /ai/models` tells."""
    cost_usd: Decimal
    latency_ms: int
    attempts: tuple[Attempt, ...]
    routing: Routing
    cached: bool = False
    masked: dict[str, int] = Field(default_factory=dict)
    """How many of each kind of personal data were kept from the provider."""
    warnings: tuple[str, ...] = ()


class Piece(Value):
    """A part of an answer that comes bit by bit: some text or parts of tool calls, and at last the whole."""

    text: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()
    completion: Completion | None = None
