"""All SQL of this module."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from converto.auth.models import (
    DeviceRow,
    MembershipRow,
    RefreshTokenRow,
    Row,
    SessionRow,
    SignInFailureRow,
    SigningKeyRow,
    TenantRow,
    UserRow,
)
from converto.auth.people import Client, EmailTaken
from converto.auth.roles import SELF, Role, scopes
from converto.auth.throttle import FORGOTTEN_AFTER, NOT_BLOCKED, Counted, Tally, Try, network_of, tried
from converto.kernel.clock import new_id, now
from converto.kernel.database import changed, insert_into

MOST_FORGOTTEN: Final = 100
DEVICE_KEPT_FOR: Final = timedelta(days=180)
"""A device on which its owner has not signed in for so long is a stranger's again."""


NO_WAYS_IN: Final = frozenset({"memberships", "sessions", "audit_entries"})
"""Of the tables that name a person, those that let nobody in; sessions are ended one by one, and told."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the database says of a session that stands."""

    user_id: UUID
    role: Role
    version: int
    ends_at: datetime
    is_leaving: bool = False
    """Whether the person has asked for their account to be deleted: they may look at it and take that back, and nothing else."""

    @property
    def scopes(self) -> frozenset[str]:
        """What the session's person may do."""
        return SELF if self.is_leaving else scopes(self.role)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A signing key as it is stored."""

    kid: str
    sealed: bytes
    signs_from: datetime | None
    signs_until: datetime | None


class People:
    """Persons, companies, and who belongs where."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def by_email(self, email: str) -> UserRow | None:
        """Return a person by the address that they sign in with."""
        return await self._session.scalar(select(UserRow).where(UserRow.email == email))

    async def add(self, *, email: str, full_name: str, password_hash: str, at: datetime) -> UserRow:
        """Add a person. Raises EmailTaken, also when two do so at the same moment."""
        row = UserRow(id=new_id(), email=email, full_name=full_name, password_hash=password_hash, created_at=at)
        self._session.add(row)
        try:
            await self._session.flush()
        except IntegrityError:
            raise EmailTaken from None
        return row

    async def found(self, name: str, owner: UserRow, *, at: datetime) -> TenantRow:
        """Add a company with its first owner."""
        row = TenantRow(id=new_id(), name=name, created_at=at)
        self._session.add(row)
        await self._session.flush()
        self._session.add(MembershipRow(tenant_id=row.id, user_id=owner.id, role=Role.OWNER.value, joined_at=at))
        await self._session.flush()
        return row

    async def last_company(self, user_id: UUID) -> tuple[TenantRow, Role] | None:
        """Return the company that a person turned to last, or else joined first, and what they are there."""
        wanted = select(TenantRow, MembershipRow.role).join(MembershipRow, MembershipRow.tenant_id == TenantRow.id)
        last_used = (MembershipRow.used_at.desc().nulls_last(), MembershipRow.joined_at, TenantRow.id)
        mine = wanted.where(MembershipRow.user_id == user_id).order_by(*last_used).limit(1)
        row = (await self._session.execute(mine)).one_or_none()
        return None if row is None else (row[0], Role(row[1]))

    async def rehash(self, user_id: UUID, *, old: str, new: str) -> None:
        """Put a better hash of the same password in the place of the old one; a password changed meanwhile stays."""
        same = (UserRow.id == user_id) & (UserRow.password_hash == old)
        await self._session.execute(update(UserRow).where(same).values(password_hash=new))

    async def forget_ways_in(self, user_id: UUID) -> None:
        """Remove whatever lets somebody in to an account but its password: passkeys, apps, links, API keys, devices, letters under way."""
        for table in reversed(Row.metadata.sorted_tables):
            if "user_id" in table.c and table.name not in NO_WAYS_IN:
                await self._session.execute(delete(table).where(table.c.user_id == user_id))

    async def member(self, tenant_id: UUID, user_id: UUID) -> tuple[UserRow, TenantRow, Role] | None:
        """Return a person, a company, and what they are there, or None for a stranger."""
        wanted = (
            select(UserRow, TenantRow, MembershipRow.role)
            .join(MembershipRow, MembershipRow.user_id == UserRow.id)
            .join(TenantRow, TenantRow.id == MembershipRow.tenant_id)
            .where(MembershipRow.tenant_id == tenant_id, MembershipRow.user_id == user_id)
        )
        row = (await self._session.execute(wanted)).one_or_none()
        return None if row is None else (row[0], row[1], Role(row[2]))


class Sessions:
    """Sessions and their refresh tokens."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def open(
        self, tenant_id: UUID, user_id: UUID, *, token_hash: bytes, client: Client, ends_at: datetime, methods: Sequence[str]
    ) -> SessionRow:
        """Open a session with its first refresh token, for a person who has proved by these methods who they are."""
        at = now()
        row = SessionRow(
            tenant_id=tenant_id,
            id=new_id(),
            user_id=user_id,
            version=1,
            opened_at=at,
            refreshed_at=at,
            ends_at=ends_at,
            address=client.address,
            user_agent=client.user_agent,
            proved_at=at,
            methods=" ".join(methods),
        )
        self._session.add(row)
        await self._session.flush()
        await self.add_token(row, token_hash)
        return row

    async def add_token(self, of: SessionRow, token_hash: bytes) -> None:
        """Give a session one more refresh token."""
        self._session.add(RefreshTokenRow(tenant_id=of.tenant_id, token_hash=token_hash, session_id=of.id))
        await self._session.flush()

    async def renew(self, of: SessionRow, *, token_hash: bytes) -> None:
        """Have a session go on with a new refresh token alone; its access tokens of before are refused."""
        of.version += 1
        mine = (RefreshTokenRow.tenant_id == of.tenant_id) & (RefreshTokenRow.session_id == of.id)
        await self._session.execute(delete(RefreshTokenRow).where(mine))
        await self.add_token(of, token_hash)

    async def by_token(self, token_hash: bytes) -> tuple[RefreshTokenRow, SessionRow] | None:
        """Return a refresh token and its session, locked until the transaction ends."""
        mine = RefreshTokenRow.token_hash == token_hash
        place = (await self._session.execute(select(RefreshTokenRow.tenant_id, RefreshTokenRow.session_id).where(mine))).one_or_none()
        if place is None:
            return None
        # The session is always locked before its tokens: who ends a session at this moment would otherwise wait for us, and we for them.
        wanted = select(SessionRow).where(SessionRow.tenant_id == place.tenant_id, SessionRow.id == place.session_id)
        of = await self._session.scalar(wanted.with_for_update())
        token = await self._session.scalar(select(RefreshTokenRow).where(mine).with_for_update())
        return None if of is None or token is None else (token, of)

    async def use(self, token: RefreshTokenRow, of: SessionRow, *, sealed_successor: bytes, successor_hash: bytes, at: datetime) -> None:
        """Put a successor in the place of a refresh token."""
        token.used_at, token.sealed_successor = at, sealed_successor
        of.refreshed_at = at
        await self.add_token(of, successor_hash)

    async def forget_successors(self, of: SessionRow, *, used_before: datetime) -> None:
        """Drop the sealed successors whose grace is over."""
        over = (RefreshTokenRow.used_at < used_before) & RefreshTokenRow.sealed_successor.is_not(None)
        mine = (RefreshTokenRow.tenant_id == of.tenant_id) & (RefreshTokenRow.session_id == of.id)
        await self._session.execute(update(RefreshTokenRow).where(mine, over).values(sealed_successor=None))

    async def standing(self, tenant_id: UUID, session_id: UUID) -> Standing | None:
        """Return whom a session is for and what they are now, or None where it has ended or its person may no longer come in."""
        member = (MembershipRow.tenant_id == SessionRow.tenant_id) & (MembershipRow.user_id == SessionRow.user_id)
        wanted = (
            select(SessionRow.user_id, MembershipRow.role, SessionRow.version, SessionRow.ends_at, UserRow.deletion_due_at)
            .join(MembershipRow, member)
            .join(UserRow, UserRow.id == SessionRow.user_id)
            .where(SessionRow.tenant_id == tenant_id, SessionRow.id == session_id)
            .where(SessionRow.ended_at.is_(None), UserRow.disabled_at.is_(None))
        )
        row = (await self._session.execute(wanted)).one_or_none()
        return None if row is None else Standing(row.user_id, Role(row.role), row.version, row.ends_at, row.deletion_due_at is not None)

    async def get(self, tenant_id: UUID, session_id: UUID) -> SessionRow | None:
        """Return a session that has not ended."""
        mine = (SessionRow.tenant_id == tenant_id) & (SessionRow.id == session_id)
        return await self._session.scalar(select(SessionRow).where(mine, SessionRow.ended_at.is_(None)))

    async def end(self, tenant_id: UUID, session_id: UUID, *, reason: str, at: datetime) -> SessionRow | None:
        """End a session, forget its refresh tokens, and return it, or None where it had ended before."""
        mine = (SessionRow.tenant_id == tenant_id) & (SessionRow.id == session_id)
        row = await self._session.scalar(select(SessionRow).where(mine, SessionRow.ended_at.is_(None)).with_for_update())
        if row is not None:
            row.ended_at, row.end_reason = at, reason
            tokens = (RefreshTokenRow.tenant_id == tenant_id) & (RefreshTokenRow.session_id == session_id)
            await self._session.execute(delete(RefreshTokenRow).where(tokens))
        return row

    async def open_ones(self, user_id: UUID) -> Sequence[SessionRow]:
        """Return the sessions of a person that stand, in every company."""
        wanted = select(SessionRow).where(SessionRow.user_id == user_id, SessionRow.ended_at.is_(None))
        return (await self._session.scalars(wanted.with_for_update())).all()

    async def is_unlike_others(self, user_id: UUID, client: Client) -> bool:
        """Tell whether a person has signed in before, but never with such a program from such a network."""
        mine = select(SessionRow.user_agent, SessionRow.address).where(SessionRow.user_id == user_id).distinct()
        known = (await self._session.execute(mine)).all()
        alike = (client.user_agent, network_of(client.address))
        return bool(known) and alike not in {(row.user_agent, network_of(row.address)) for row in known}

    async def forget_expired(self, user_id: UUID, at: datetime) -> None:
        """Remove the sessions of a person that are over, with their tokens."""
        await self._session.execute(delete(SessionRow).where(SessionRow.user_id == user_id, SessionRow.ends_at < at))


class Keys:
    """The signing keys, sealed."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def all(self) -> Sequence[StoredKey]:
        """Return every key, the oldest first."""
        rows = await self._session.scalars(select(SigningKeyRow).order_by(SigningKeyRow.generation))
        return [StoredKey(row.kid, row.sealed, row.signs_from, row.signs_until) for row in rows]

    async def begin(self, keys: Sequence[tuple[str, bytes]], *, at: datetime) -> None:
        """Keep the first two keys, of which the first signs from now on; where another process was faster, its keys stand."""
        (current, sealed), (following, sealed_next) = keys
        first = {"kid": current, "generation": 1, "sealed": sealed, "signs_from": at, "signs_until": None}
        second = {"kid": following, "generation": 2, "sealed": sealed_next, "signs_from": None, "signs_until": None}
        await self._session.execute(insert_into(self._session, SigningKeyRow).values([first, second]).on_conflict_do_nothing())

    async def rotate(self, current: str, following: tuple[str, bytes], *, at: datetime, keep_from: datetime) -> bool:
        """Let the next key sign, and keep one to follow it; False where another process has rotated since `current` was read."""
        rows = (await self._session.scalars(select(SigningKeyRow).order_by(SigningKeyRow.generation).with_for_update())).all()
        signing = next((row for row in rows if row.signs_from is not None and row.signs_until is None), None)
        waiting = next((row for row in rows if row.signs_from is None), None)
        if signing is None or waiting is None or signing.kid != current:
            return False
        signing.signs_until, waiting.signs_from = at, at
        kid, sealed = following
        self._session.add(SigningKeyRow(kid=kid, generation=waiting.generation + 1, sealed=sealed))
        await self._session.execute(delete(SigningKeyRow).where(SigningKeyRow.signs_until < keep_from))
        await self._session.flush()
        return True


class Failures:
    """Wrong passwords, by what they are counted by."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def count(self, this: Try, at: datetime) -> float | None:
        """Count a try; where it has to wait, count nothing and return for how many seconds."""
        rows = await self._locked(this.tallies, at)
        after = tried(this, {row.account: Counted(row.failures, row.last_at, row.blocked_until) for row in rows}, at)
        if isinstance(after, timedelta):
            return after.total_seconds()
        for row in rows:
            counted = after[row.account]
            row.failures, row.last_at, row.blocked_until = counted.failures, counted.last_at, counted.blocked_until
        return None

    async def forget(self, this: Try, at: datetime) -> None:
        """Forget the failures that were the person's own after a right password, and some of everybody's that are too old to count.

        Whoever else is signing in waits for these rows: it is the last that a transaction does.
        """
        mine = {tally.key for tally in this.mine}
        for row in await self._held([tally.key for tally in this.tallies]):
            if row.account in mine or row.failures <= 1:
                await self._session.delete(row)
            else:
                row.failures, row.blocked_until = row.failures - 1, NOT_BLOCKED
        await self._session.flush()
        # those that somebody holds are left: two who wait for each other's rows would wait for ever
        old = select(SignInFailureRow.account).where(SignInFailureRow.last_at < at - FORGOTTEN_AFTER).limit(MOST_FORGOTTEN)
        await changed(self._session, delete(SignInFailureRow).where(SignInFailureRow.account.in_(old.with_for_update(skip_locked=True))))

    async def take_back(self, tallies: Sequence[Tally], at: datetime) -> None:
        """Take one failure back from each count."""
        for row in await self._locked(tallies, at):
            row.failures, row.blocked_until = row.failures - 1, NOT_BLOCKED
            if row.failures < 1:
                await self._session.delete(row)

    async def _locked(self, tallies: Sequence[Tally], at: datetime) -> Sequence[SignInFailureRow]:
        """Return the counts, locked until the transaction ends; nothing known is no failure."""
        keys = [tally.key for tally in tallies]
        rows: Sequence[SignInFailureRow] = []
        unknown = [{"account": key, "failures": 0, "last_at": at, "blocked_until": NOT_BLOCKED} for key in keys]
        while len(rows) < len(keys):  # who held a row may have removed it while we waited for it
            await self._session.execute(insert_into(self._session, SignInFailureRow).values(unknown).on_conflict_do_nothing())
            rows = await self._held(keys)
        return rows

    async def _held(self, keys: Sequence[bytes]) -> Sequence[SignInFailureRow]:
        """Return the counts that are there, locked until the transaction ends."""
        # always in the same order: two who wait for each other's rows would wait for ever
        wanted = select(SignInFailureRow).where(SignInFailureRow.account.in_(keys)).order_by(SignInFailureRow.account)
        return (await self._session.scalars(wanted.with_for_update().execution_options(populate_existing=True))).all()


class Devices:
    """Devices that a person has signed in on, by the hash of what they were given there."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def is_known(self, email: str, token_hash: bytes) -> bool:
        """Tell whether the owner of an account has signed in on a device before."""
        mine = (DeviceRow.token_hash == token_hash) & (UserRow.email == email)
        return await self._session.scalar(select(DeviceRow.user_id).join(UserRow, UserRow.id == DeviceRow.user_id).where(mine)) is not None

    async def see(self, user_id: UUID, token_hash: bytes, at: datetime) -> bool:
        """Take note that a person signs in on a device of theirs; False for one that is not."""
        mine = (DeviceRow.token_hash == token_hash) & (DeviceRow.user_id == user_id)
        return await changed(self._session, update(DeviceRow).where(mine).values(seen_at=at)) == 1

    async def add(self, user_id: UUID, token_hash: bytes, at: datetime) -> None:
        """Keep a device, and forget the person's that were not seen for long."""
        await self._session.execute(delete(DeviceRow).where(DeviceRow.user_id == user_id, DeviceRow.seen_at < at - DEVICE_KEPT_FOR))
        self._session.add(DeviceRow(token_hash=token_hash, user_id=user_id, known_since=at, seen_at=at))
        await self._session.flush()

    async def forget_all(self, user_id: UUID) -> None:
        """Let no device of a person be known any more."""
        await self._session.execute(delete(DeviceRow).where(DeviceRow.user_id == user_id))
