"""What other modules, and the REST API, may ask of language models."""

import datetime
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Annotated, Any, Literal, Protocol
from uuid import UUID

from pydantic import Field

from converto.ai.conversation import ChatRequest, Completion, ImageUrl, Message, Part, Piece, Strategy
from converto.ai.refusals import AllBusy, BudgetExceeded, NoProvider, NothingFits, ProviderFailed, ProviderLimited, Truncated
from converto.kernel.actor import Actor
from converto.kernel.interface import Interface, Value, command, query, stream
from converto.kernel.money import Ceiling, Money
from converto.kernel.paging import Page
from converto.kernel.written import Number, YesNo

# how a question is put, and why it is not answered, is part of what is asked, though it has files of its own
__all__ = [
    "Ai",
    "AiHealth",
    "AllBusy",
    "Budget",
    "BudgetChange",
    "BudgetExceeded",
    "Budgets",
    "ChatRequest",
    "Completion",
    "Feedback",
    "ImageUrl",
    "LoggedCall",
    "LoggedContent",
    "Message",
    "Model",
    "ModelHealth",
    "Models",
    "NewTemplate",
    "NoProvider",
    "NothingFits",
    "Options",
    "Part",
    "ProviderFailed",
    "ProviderLimited",
    "Template",
    "Truncated",
    "UsageLine",
    "UsageReport",
]

Subject = Annotated[str, Field(pattern=r"^(tenant|(member|key):[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]
"""Whose spending: the company's, or that of one member or API key."""


class ModelHealth(Value):
    """How a model has been doing in the process that answers."""

    state: Literal["closed", "open", "half-open"]
    cooldown_s: float | None = None
    """For how long it is left alone yet."""
    calls: int = 0
    failures: int = 0
    success_rate: float
    latency_ms: float
    """An average that follows what happens; before the first call what models of its kind take."""
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    first_token_ms: float | None = None
    in_flight: int = 0
    last_failure: str | None = None


class Model(Value):
    """A model that can be asked."""

    id: str
    provider: str
    model: str
    family: str
    input_usd_per_million: Decimal | None
    output_usd_per_million: Decimal | None
    cached_input_usd_per_million: Decimal | None = None
    price_version: str | None
    """None where no price is known: such a model is not asked."""
    context: int
    max_output: int
    vision: bool
    response_schema: bool
    quality: float
    """0..1: the catalogue's, moved by feedback."""
    allowed: bool
    """Whether the company lets it be asked."""
    health: ModelHealth


class Models(Value):
    """Every model that can be asked, and how dollars are shown in euros."""

    items: tuple[Model, ...]
    catalogue_version: str
    sources: tuple[str, ...]
    eur_per_usd: Decimal
    eur_rate_date: str


class UsageLine(Value):
    """What some calls took together."""

    day: datetime.date | None = None
    model: str | None = None
    member: UUID | None = None
    api_key: UUID | None = None
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cost: Money
    cost_usd: Decimal
    estimated_calls: int
    """How many of them are paid by an estimate, for the provider did not say what they took."""


class UsageReport(Value):
    """What calls took in some days, UTC."""

    since: datetime.date
    until: datetime.date
    by: tuple[str, ...]
    items: tuple[UsageLine, ...]
    total: UsageLine


class Budget(Value):
    """What may be spent in a calendar month, UTC, and what has been."""

    subject: Subject
    period: str
    soft: Money | None = None
    """Beyond it answers carry a warning, and `ai.budget.reached` is told."""
    hard: Money | None = None
    """Beyond it nothing is asked."""
    spent: Money
    reserved: Money
    """What calls on their way could take at most."""
    remaining: Money | None = None


class Budgets(Value):
    """The company's budget, and those of members and keys that have one."""

    items: tuple[Budget, ...]


class BudgetChange(Value):
    """What may be spent in a calendar month; None means as much as there is."""

    subject: Subject = "tenant"
    soft: Ceiling | None = None
    hard: Ceiling | None = None


class Options(Value):
    """How a company wants models to be asked."""

    allowed: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] | None = Field(default=None, max_length=200)
    """The models, families or providers that may be asked; None means all."""
    strategy: Strategy = Strategy.COST_PERFORMANCE
    quality_weight: Number = Field(default=0.5, ge=0, le=1)
    cost_weight: Number = Field(default=0.3, ge=0, le=1)
    latency_weight: Number = Field(default=0.2, ge=0, le=1)
    mask_pii: YesNo = False
    keep_content: YesNo = False
    """Whether what is asked and answered is kept with the log of requests."""


class Template(Value):
    """A prompt with places, `{{like_this}}`, in one version that never changes."""

    name: str
    version: int
    system: str | None
    text: str
    created_at: datetime.datetime


class NewTemplate(Value):
    """The next version of a template."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    system: str | None = Field(default=None, max_length=100_000)
    text: str = Field(min_length=1, max_length=100_000)


class LoggedCall(Value):
    """One call of a provider, as the ledger has it."""

    id: UUID
    completion_id: UUID
    at: datetime.datetime
    model: str
    provider: str
    outcome: str
    usage_source: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cost: Money
    cost_usd: Decimal
    price_version: str
    latency_ms: int
    streamed: bool
    member: UUID | None
    api_key: UUID | None


class LoggedContent(Value):
    """What was asked and answered, kept because the company wants it to be."""

    completion_id: UUID
    at: datetime.datetime
    request: dict[str, Any]
    answer: str


class Feedback(Value):
    """How good an answer was."""

    completion_id: UUID
    score: Number = Field(ge=0, le=1)


class AiHealth(Value):
    """Whether models can be asked."""

    status: Literal["ok", "degraded", "not_configured"]
    providers: dict[str, str]
    """By provider `ok`, or what keeps it from being asked."""
    models: dict[str, ModelHealth]
    unsettled: int
    """Calls whose cost is not in the database yet."""


class Ai(Interface, Protocol):
    """Asks language models, whichever is right, and keeps account of what they cost."""

    @command(timeout_s=600)
    async def chat(self, actor: Actor, request: ChatRequest) -> Completion:
        """Return a model's answer.

        Raises NoProvider, UnknownModel, NothingFits, AllBusy, BudgetExceeded, PromptTooLarge, UnknownTemplate, MissingVariables, and what
        comes of providers: ProviderFailed, ProviderLimited, Rejected, Truncated.
        """
        ...

    @stream(timeout_s=600)
    def chat_stream(self, actor: Actor, request: ChatRequest) -> AsyncIterator[Piece]:
        """Yield a model's answer bit by bit, and at last the whole. Raises what `chat` does; one that breaks off is Truncated."""
        ...

    @query
    async def models(self, actor: Actor) -> Models:
        """Return every model that can be asked."""
        ...

    @query
    async def usage(self, actor: Actor, since: datetime.date, until: datetime.date, *, by: tuple[str, ...]) -> UsageReport:
        """Return what calls took from a day to another, both with, by any of day, model, member and api_key."""
        ...

    @query
    async def budgets(self, actor: Actor) -> Budgets:
        """Return the company's budget, and those of its members and keys that have one."""
        ...

    @command
    async def set_budget(self, actor: Actor, change: BudgetChange) -> Budget:
        """Say what may be spent in a calendar month; it holds from the next call on."""
        ...

    @query
    async def options(self, actor: Actor) -> Options:
        """Return how the company wants models to be asked."""
        ...

    @command
    async def set_options(self, actor: Actor, options: Options) -> Options:
        """Say how the company wants models to be asked; it holds within a second."""
        ...

    @command
    async def add_template(self, actor: Actor, template: NewTemplate) -> Template:
        """Keep the next version of a prompt template. Raises TemplateConflict."""
        ...

    @query
    async def templates(self, actor: Actor) -> tuple[Template, ...]:
        """Return the newest version of each template."""
        ...

    @query
    async def template(self, actor: Actor, name: str, *, version: int | None = None) -> Template:
        """Return a template, the newest version where none is named. Raises UnknownTemplate."""
        ...

    @query
    async def calls(self, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> Page[LoggedCall]:
        """List the calls of providers, newest first. Raises BadCursor."""
        ...

    @query
    async def content(self, actor: Actor, completion_id: UUID) -> LoggedContent:
        """Return what was asked and answered. Raises UnknownCompletion where it was not kept."""
        ...

    @command
    async def give_feedback(self, actor: Actor, feedback: Feedback) -> None:
        """Say how good an answer was; the last word on each counts. Raises UnknownCompletion."""
        ...

    @query
    async def health(self) -> AiHealth:
        """Return whether models can be asked, and how each has been doing."""
        ...
