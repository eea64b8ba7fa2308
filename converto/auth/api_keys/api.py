"""REST: API keys and service accounts."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from converto.auth.api_keys.interface import (
    ApiKey,
    ApiKeys,
    IssuedApiKey,
    NewApiKey,
    NewServiceAccount,
    Rotation,
    ServiceAccount,
    TooManyKeys,
    UnknownApiKey,
    UnknownServiceAccount,
    WrongEnd,
)
from converto.auth.client import Uncached
from converto.auth.people import InvalidToken, StepUpRequired
from converto.kernel.errors import Forbidden
from converto.kernel.paging import BadCursor, Page
from converto.kernel.paid_work import LimitReached
from converto.kernel.web import CurrentActor, Cursor, Limit, problems, the

router = APIRouter(tags=["auth"])
TheApiKeys = Annotated[ApiKeys, Depends(the(ApiKeys))]


@router.get("/auth/api-keys", responses=problems(InvalidToken, Forbidden, BadCursor))
async def api_keys(keys: TheApiKeys, actor: CurrentActor, limit: Limit = 50, cursor: Cursor = None) -> Page[ApiKey]:
    """List the company's API keys."""
    return await keys.api_keys(actor, limit=limit, cursor=cursor)


@router.post(
    "/auth/api-keys",
    status_code=201,
    dependencies=[Uncached],
    responses=problems(InvalidToken, Forbidden, StepUpRequired, UnknownServiceAccount, WrongEnd, TooManyKeys, LimitReached),
)
async def make_api_key(keys: TheApiKeys, actor: CurrentActor, new: NewApiKey, response: Response) -> IssuedApiKey:
    """Make an API key: `key` is shown this once. It gives no more than its scopes, nor than its holder's role at the time of use."""
    issued = await keys.make_api_key(actor, new)
    response.headers["location"] = f"/auth/api-keys/{issued.id}"
    return issued


@router.post(
    "/auth/api-keys/{key_id}/rotate",
    dependencies=[Uncached],
    responses=problems(InvalidToken, Forbidden, StepUpRequired, UnknownApiKey),
)
async def rotate_api_key(keys: TheApiKeys, actor: CurrentActor, key_id: UUID, rotation: Rotation | None = None) -> IssuedApiKey:
    """Give a key a new secret, shown this once; the one of before is still taken for a day, or for as long as you say."""
    return await keys.rotate_api_key(actor, key_id, rotation=rotation or Rotation())


@router.delete("/auth/api-keys/{key_id}", status_code=204, responses=problems(InvalidToken, Forbidden, UnknownApiKey))
async def revoke_api_key(keys: TheApiKeys, actor: CurrentActor, key_id: UUID) -> None:
    """Have a key be good for nothing from now on."""
    await keys.revoke_api_key(actor, key_id)


@router.get("/auth/service-accounts", responses=problems(InvalidToken, Forbidden, BadCursor))
async def service_accounts(keys: TheApiKeys, actor: CurrentActor, limit: Limit = 50, cursor: Cursor = None) -> Page[ServiceAccount]:
    """List the accounts of programs."""
    return await keys.service_accounts(actor, limit=limit, cursor=cursor)


@router.post("/auth/service-accounts", status_code=201, responses=problems(InvalidToken, Forbidden, TooManyKeys))
async def make_service_account(keys: TheApiKeys, actor: CurrentActor, new: NewServiceAccount, response: Response) -> ServiceAccount:
    """Make an account for a program: its API keys outlive the people who make them, and give no more than its role."""
    account = await keys.make_service_account(actor, new)
    response.headers["location"] = f"/auth/service-accounts/{account.id}"
    return account


@router.delete(
    "/auth/service-accounts/{account_id}",
    status_code=204,
    responses=problems(InvalidToken, Forbidden, UnknownServiceAccount),
)
async def remove_service_account(keys: TheApiKeys, actor: CurrentActor, account_id: UUID) -> None:
    """Remove the account of a program, and its keys."""
    await keys.remove_service_account(actor, account_id)
