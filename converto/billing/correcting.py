"""What only the operator of an installation may ask: what was agreed with one company, money given back, usage counted back.

Each of these needs `billing:correct`, which no role and no API key has: `converto billing token` makes a token with it.
"""

import datetime
from typing import Protocol
from uuid import UUID

from pydantic import AwareDatetime, Field

from converto.kernel.actor import Actor
from converto.kernel.errors import Invalid, NotFound
from converto.kernel.interface import Interface, Value, command, query

LARGEST_LIMIT = 10**15


class NewOverride(Value):
    """What was agreed with one company for one feature, above its plan."""

    limit: int | None = Field(ge=0, le=LARGEST_LIMIT)
    """None is without end; of `ai_spend_per_month` in millionths of a euro."""
    is_hard: bool = True
    """Whether what is beyond is refused."""
    until: AwareDatetime | None = None
    """When the plan alone holds again; None is never."""
    reason: str = Field(min_length=1, max_length=200)


class AgreedOverride(NewOverride):
    """What is agreed with a company for a feature."""

    feature: str
    since: datetime.datetime


class UnknownOverride(NotFound):
    """Nothing was agreed with a company for a feature."""

    code = "billing.unknown_override"
    message = "Nothing is agreed with this company for {feature}."


class PastOverride(Invalid):
    """Something that would be over before it begins."""

    code = "billing.past_override"
    message = "What is agreed ends in the future, or without `until` never."


class Correcting(Interface, Protocol):
    """Corrects what a plan alone does not say."""

    @query
    async def overrides(self, actor: Actor, tenant_id: UUID) -> tuple[AgreedOverride, ...]:
        """Return what is agreed with a company, also what is over."""
        ...

    @command
    async def override(self, actor: Actor, tenant_id: UUID, *, feature: str, agreed: NewOverride) -> AgreedOverride:
        """Agree something with a company for a feature, from now on; what was agreed for it before is over. Raises PastOverride."""
        ...

    @command
    async def withdraw_override(self, actor: Actor, tenant_id: UUID, *, feature: str) -> None:
        """Have the plan alone hold again for a feature. Raises UnknownOverride."""
        ...
