"""What may be asked of the records: the audit log, and a person's own data."""

from datetime import UTC, datetime
from typing import Annotated, Any, Protocol
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field

from converto.auth.people import Client, User
from converto.kernel.actor import Actor
from converto.kernel.errors import Conflict
from converto.kernel.interface import Interface, Value, command, query
from converto.kernel.paging import Page
from converto.kernel.written import WRITTEN_MOMENT


class MustHandOver(Conflict):
    """Somebody who wants to be deleted is the only owner of companies that others belong to."""

    code = "auth.must_hand_over"
    message = "You are the only owner of {companies}, and others belong to it: make somebody else an owner first, or remove the others."


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        msg = "this moment is before the first year or after the last"
        raise ValueError(msg) from error


Action = Annotated[str, Field(max_length=60, pattern=r"^[a-z0-9_.]+$", description="Such as `auth.signed_in`.")]
Since = Annotated[AwareDatetime, AfterValidator(_in_utc), WRITTEN_MOMENT]


class AuditFilter(Value):
    """Which entries of the audit log are wanted."""

    action: Action | None = None
    user_id: UUID | None = None
    since: Since | None = None
    until: Since | None = None


class AuditEntry(Value):
    """One thing that was done in a company: what, by whom, to what, when, and from where."""

    number: int = Field(description="counts the company's entries from one on, without a gap")
    at: datetime
    action: str
    user_id: UUID | None = Field(
        description="the person or service account; null for a program with somebody's API key, and for Converto itself"
    )
    api_key_id: UUID | None
    session_id: UUID | None
    target: str | None
    address: str | None
    user_agent: str | None
    request_id: str
    facts: dict[str, Any]
    hash: str = Field(description="SHA-256 of this entry and of the hash of the one before it, in hexadecimal")


class Export(Value):
    """All that auth keeps of a person."""

    exported_at: datetime
    person: User
    kept: dict[str, list[dict[str, Any]]] = Field(description="what names the person, by table; secrets and their hashes are left out")
    audit: list[dict[str, Any]] = Field(description="what the person did, the newest first")
    audit_left_out: int = Field(description="how many older entries are left out")
    elsewhere: tuple[str, ...] = Field(description="what is kept of the person's work, by whom, and for how long")


class Deletion(Value):
    """When an account is emptied, and what stays."""

    deletes_at: datetime
    stays: tuple[str, ...]


class Records(Interface, Protocol):
    """What was done, by whom; and a person's own data, to take along or to have deleted."""

    @query
    async def audit(
        self, actor: Actor, wanted: AuditFilter | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[AuditEntry]:
        """Return entries of the company's audit log, the newest first. Raises BadCursor."""
        ...

    @query
    async def export_me(self, actor: Actor) -> Export:
        """Return all that auth keeps of the actor's person."""
        ...

    @command
    async def delete_me(self, actor: Actor, *, client: Client) -> Deletion:
        """Have the account of the actor's person emptied after the days of grace; their sessions end, their API keys are refused.

        Until then a sign-in leads to nothing but the account itself, where `restore_me` takes it back.
        Raises StepUpRequired, MustHandOver.
        """
        ...

    @command
    async def restore_me(self, actor: Actor, *, client: Client) -> User:
        """Take back that the account of the actor's person is to be emptied."""
        ...
