"""REST: the audit log, and a person's own data."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from converto.auth.client import TheClient, Uncached
from converto.auth.cookies import TheBrowser
from converto.auth.people import InvalidToken, StepUpRequired, User
from converto.auth.records.interface import Action, AuditEntry, AuditFilter, Deletion, Export, MustHandOver, Records, Since
from converto.kernel.errors import Forbidden
from converto.kernel.paging import BadCursor, Page
from converto.kernel.web import CurrentActor, Cursor, Limit, problems, the

router = APIRouter(tags=["auth"])
TheRecords = Annotated[Records, Depends(the(Records))]


def _filter(
    action: Annotated[Action | None, Query()] = None,
    user: Annotated[UUID | None, Query(description="Who did it.")] = None,
    since: Annotated[Since | None, Query(alias="from", description="This moment and later ones.")] = None,
    until: Annotated[Since | None, Query(alias="to", description="Before this moment.")] = None,
) -> AuditFilter:
    return AuditFilter(action=action, user_id=user, since=since, until=until)


@router.get("/auth/audit", dependencies=[Uncached], responses=problems(InvalidToken, Forbidden, BadCursor))
async def audit(
    records: TheRecords,
    actor: CurrentActor,
    wanted: Annotated[AuditFilter, Depends(_filter)],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[AuditEntry]:
    """List what was done in the company, the newest first; each entry is chained to the one before it by its hash."""
    return await records.audit(actor, wanted, limit=limit, cursor=cursor)


@router.get("/auth/me/export", dependencies=[Uncached], responses=problems(InvalidToken))
async def export_me(records: TheRecords, actor: CurrentActor) -> Export:
    """Take along all that is kept of you, as JSON."""
    return await records.export_me(actor)


@router.delete("/auth/me", responses=problems(InvalidToken, StepUpRequired, MustHandOver))
async def delete_me(records: TheRecords, actor: CurrentActor, client: TheClient, browser: TheBrowser) -> Deletion:
    """Have your account deleted after the days of grace; you are signed out everywhere, and a sign-in until then offers to undo it."""
    deletion = await records.delete_me(actor, client=client)
    browser.forget()
    return deletion


@router.post("/auth/me/restore", responses=problems(InvalidToken))
async def restore_me(records: TheRecords, actor: CurrentActor, client: TheClient) -> User:
    """Keep your account after all."""
    return await records.restore_me(actor, client=client)
