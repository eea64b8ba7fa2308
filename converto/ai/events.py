"""The facts that the asking of models tells."""

from decimal import Decimal
from typing import ClassVar, Literal
from uuid import UUID

from converto.ai.conversation import UsageSource
from converto.kernel.event import Event
from converto.kernel.money import Money
from converto.kernel.paid_work import Use


class CompletionFinished(Event):
    """A model has answered, or was cut off, and what it cost is in the ledger."""

    type: ClassVar[str] = "ai.completion.finished"

    completion_id: UUID
    model: str
    provider: str
    outcome: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cost: Money
    cost_usd: Decimal
    usage_source: UsageSource
    user_id: UUID | None
    api_key_id: UUID | None


class UsageSettled(Event):
    """What answers took of their company's plan, many together, for whoever counts it: to count each by itself costs more than asking."""

    type: ClassVar[str] = "ai.usage.settled"
    internal: ClassVar[bool] = True

    uses: tuple[Use, ...]


class BudgetReached(Event):
    """A company, a member or a key has spent what its budget warns at, or nearly all that it allows: told once a month for each."""

    type: ClassVar[str] = "ai.budget.reached"

    subject: str
    period: str
    limit: Literal["soft", "hard"]
    spent: Money
    amount: Money
