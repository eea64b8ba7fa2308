"""Decides which programs come in, and as what."""

import hmac
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Final
from uuid import UUID

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
    WrongNetwork,
)
from converto.auth.api_keys.models import ApiKeyRow
from converto.auth.api_keys.repository import USED_AT_MOST_EVERY, Keys, KeyStanding, ServiceAccounts
from converto.auth.api_keys.tokens import KeyHasher, new_key, sent
from converto.auth.audit.repository import Audit
from converto.auth.desk import Desk, Means, person
from converto.auth.models import MembershipRow, UserRow
from converto.auth.people import InvalidToken
from converto.auth.repository import People
from converto.auth.roles import FOR_KEYS, SELF, Role, scopes
from converto.auth.standing import Remembered
from converto.kernel.actor import Actor, ActorKind
from converto.kernel.clock import new_id, now
from converto.kernel.database import Transaction, after_commit
from converto.kernel.errors import Forbidden, TimedOut, Unavailable
from converto.kernel.paging import Page, after

LASTS: Final = timedelta(days=365)
LASTS_AT_MOST: Final = timedelta(days=5 * 365)
MOST: Final = 200
"""The most keys, and the most service accounts, of one company."""
OF_A_PLAN: Final = "api_access"


class ApiKeysDesk(Desk, ApiKeys):
    """API keys and service accounts."""

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self._key_hasher = KeyHasher(means.vault.key_for("API keys"))
        self._standing_keys: Remembered[KeyStanding] = Remembered(means.settings.session_cache_s)
        self._with_access: Remembered[bool] = Remembered(means.settings.session_cache_s)

    async def api_keys(self, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> Page[ApiKey]:
        """Return the company's API keys."""
        actor.require("auth:write")
        async with self._database.reading() as session:
            rows = await Keys(session).page(actor.tenant_id, limit + 1, after=after(cursor))
        return Page[ApiKey].of([_shown(row, holder) for row, holder in rows], limit, cursor=lambda key: key.id)

    async def make_api_key(self, actor: Actor, new: NewApiKey) -> IssuedApiKey:
        """Make an API key."""
        actor.require("auth:write")
        moment, key_id = now(), new_id()
        ends_at = _end(new.ends_at, moment)
        text = new_key(key_id)
        await self._means.paid_work.allow(actor, OF_A_PLAN)
        async with self._database.writing() as session:
            await self._require_fresh(session, actor)
            keys, (holder, role) = Keys(session), await self._holder(session, actor, new.service_account_id)
            _require_within(frozenset(new.scopes), actor.scopes & scopes(role))
            await keys.take_turns(actor.tenant_id)
            if await keys.count(actor.tenant_id) >= MOST:
                raise TooManyKeys(most=MOST)
            row = ApiKeyRow(tenant_id=actor.tenant_id, id=key_id, user_id=holder.id, name=new.name, secret_hash=self._key_hasher.of(text))
            row.scopes, row.networks = sorted(set(new.scopes)), list(dict.fromkeys(new.networks))
            row.created_at, row.ends_at = moment, ends_at
            keys.add(row)
            await Audit(session).note(
                actor.tenant_id,
                "auth.api_key_made",
                by=actor,
                target=key_id,
                holder=str(holder.id),
                scopes=row.scopes,
                ends_at=f"{ends_at:%F}",
            )
        return IssuedApiKey(**_shown(row, holder).model_dump(), key=text)

    async def rotate_api_key(self, actor: Actor, key_id: UUID, *, rotation: Rotation) -> IssuedApiKey:
        """Give a key a new secret."""
        actor.require("auth:write")
        text, moment = new_key(key_id), now()
        async with self._database.writing() as session:
            await self._require_fresh(session, actor)
            row, holder = await self._known_key(session, actor, key_id)
            _require_within(frozenset(row.scopes), actor.scopes)
            overlap = timedelta(hours=rotation.overlap_hours)
            row.previous_hash, row.previous_until = (row.secret_hash, moment + overlap) if overlap else (None, None)
            row.secret_hash = self._key_hasher.of(text)
            after_commit(session, partial(self._standing_keys.forget, key_id))
            await Audit(session).note(
                actor.tenant_id, "auth.api_key_rotated", by=actor, target=key_id, overlap_hours=rotation.overlap_hours
            )
        return IssuedApiKey(**_shown(row, holder).model_dump(), key=text)

    async def revoke_api_key(self, actor: Actor, key_id: UUID) -> None:
        """Have a key be good for nothing."""
        actor.require("auth:write")
        async with self._database.writing() as session:
            if not await Keys(session).remove(actor.tenant_id, key_id):
                raise UnknownApiKey
            after_commit(session, partial(self._standing_keys.forget, key_id))
            await Audit(session).note(actor.tenant_id, "auth.api_key_revoked", by=actor, target=key_id)

    async def service_accounts(self, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> Page[ServiceAccount]:
        """Return the company's service accounts."""
        actor.require("auth:write")
        async with self._database.reading() as session:
            rows = await ServiceAccounts(session).page(actor.tenant_id, limit + 1, after=after(cursor))
        return Page[ServiceAccount].of([_account(account, row) for account, row in rows], limit, cursor=lambda account: account.id)

    async def make_service_account(self, actor: Actor, new: NewServiceAccount) -> ServiceAccount:
        """Make an account for a program."""
        actor.require("auth:write")
        _require_within(scopes(new.role) - SELF, actor.scopes)
        async with self._database.writing() as session:
            accounts = ServiceAccounts(session)
            await Keys(session).take_turns(actor.tenant_id)
            if await accounts.count(actor.tenant_id) >= MOST:
                raise TooManyKeys(most=MOST)
            account, row = await accounts.add(actor.tenant_id, new.name, new.role, at=now())
            await Audit(session).note(actor.tenant_id, "auth.service_account_made", by=actor, target=account.id, role=new.role.value)
        return _account(account, row)

    async def remove_service_account(self, actor: Actor, account_id: UUID) -> None:
        """Remove the account of a program, and its keys."""
        actor.require("auth:write")
        async with self._database.writing() as session:
            accounts = ServiceAccounts(session)
            found = await accounts.get(actor.tenant_id, account_id)
            if found is None:
                raise UnknownServiceAccount
            _require_within(scopes(Role(found[1].role)) - SELF, actor.scopes)
            await accounts.remove(actor.tenant_id, found[0], at=now())
            await Audit(session).note(actor.tenant_id, "auth.service_account_removed", by=actor, target=account_id)

    async def _program(self, text: str, address: str | None) -> Actor:
        """Return what an API key stands for. Raises InvalidToken, WrongNetwork."""
        key, moment = sent(text), now()
        if key is None:  # no need to ask anybody
            raise InvalidToken
        known = await self._known_standing(key.id)
        given = self._key_hasher.of(key.text)
        # both are compared whichever is right, so that the time taken tells nothing
        is_current = hmac.compare_digest(given, known.secret_hash if known else bytes(32))
        is_previous = hmac.compare_digest(given, known.previous_hash or bytes(32) if known else bytes(32))
        if known is None or not (is_current or (is_previous and known.previous_until is not None and moment < known.previous_until)):
            raise InvalidToken
        if known.ends_at <= moment:
            raise InvalidToken
        if known.networks and not _is_within(address, known.networks):
            raise WrongNetwork
        await self._require_access(known.tenant_id)
        await self._note_use(key.id, known, moment)
        return Actor(
            kind=ActorKind.API_KEY,
            tenant_id=known.tenant_id,
            user_id=known.holder_id if known.is_programs else None,
            api_key_id=key.id,
            scopes=known.scopes & scopes(known.role) & FOR_KEYS,
        )

    async def _require_access(self, tenant_id: UUID) -> None:
        """Go on only where the plan holds API access, or nobody can say whether it does. Raises LimitReached."""
        if self._with_access.get(tenant_id):
            return
        try:
            await self._means.paid_work.allow(Actor.service(tenant_id), OF_A_PLAN)
        except (TimedOut, Unavailable):
            return
        self._with_access.keep(tenant_id, True)  # noqa: FBT003 - what is remembered is that it does

    async def _known_standing(self, key_id: UUID) -> KeyStanding | None:
        known = self._standing_keys.get(key_id)
        if known is None:
            async with self._across_tenants.reading() as session:
                known = await Keys(session).standing(key_id)
            if known is not None:
                self._standing_keys.keep(key_id, known)
        return known

    async def _note_use(self, key_id: UUID, known: KeyStanding, at: datetime) -> None:
        if known.used_at is not None and at - known.used_at < USED_AT_MOST_EVERY:
            return
        self._standing_keys.keep(key_id, replace(known, used_at=at))  # first, so that of many at once one writes
        async with self._database.writing(known.tenant_id) as session:
            await Keys(session).use(known.tenant_id, key_id, at)

    async def _holder(self, session: Transaction, actor: Actor, service_account_id: UUID | None) -> tuple[UserRow, Role]:
        """Return whose key it is to be, and what they are. Raises UnknownServiceAccount, InvalidToken."""
        if service_account_id is not None:
            found = await ServiceAccounts(session).get(actor.tenant_id, service_account_id)
            if found is None:
                raise UnknownServiceAccount
            return found[0], Role(found[1].role)
        member = await People(session).member(actor.tenant_id, person(actor)[0])
        if member is None:
            raise InvalidToken
        return member[0], member[2]

    async def _known_key(self, session: Transaction, actor: Actor, key_id: UUID) -> tuple[ApiKeyRow, UserRow]:
        found = await Keys(session).get(actor.tenant_id, key_id)
        if found is None:
            raise UnknownApiKey
        return found


def _end(wanted: datetime | None, at: datetime) -> datetime:
    """Return when a new key ends. Raises WrongEnd."""
    if wanted is None:
        return at + LASTS
    if not at < wanted <= at + LASTS_AT_MOST:
        raise WrongEnd(most_days=LASTS_AT_MOST.days, errors=[{"pointer": "/ends_at", "detail": "this is not a time that a key may end at"}])
    return wanted


def _require_within(asked: frozenset[str], given: frozenset[str]) -> None:
    missing = sorted(asked - given)
    if missing:
        raise Forbidden(scope=missing[0])


def _is_within(address: str | None, networks: tuple[str, ...]) -> bool:
    try:
        at = ip_address(address or "")
    except ValueError:
        return False
    plain = getattr(at, "ipv4_mapped", None) or at
    return any(plain in ip_network(network) for network in networks)


def _shown(row: ApiKeyRow, holder: UserRow) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        holder_id=row.user_id,
        holder_name=holder.full_name,
        scopes=tuple(row.scopes),
        networks=tuple(row.networks),
        created_at=row.created_at,
        ends_at=row.ends_at,
        used_at=row.used_at,
        previous_until=row.previous_until,
    )


def _account(account: UserRow, row: MembershipRow) -> ServiceAccount:
    return ServiceAccount(id=account.id, name=account.full_name, role=Role(row.role), created_at=account.created_at)
