"""Decides what a person may do with their own account."""

from datetime import datetime
from uuid import UUID

import structlog
from pydantic import SecretStr

from converto.auth.account.interface import (
    Account,
    ForgottenPassword,
    InvalidMailedToken,
    OpenSession,
    OpenSessions,
    PasswordChange,
    PasswordIsReset,
    PasswordReset,
    ProfileChange,
    TooManyLetters,
    UnknownPerson,
    UnknownSession,
    VerifiedEmail,
    WrongPassword,
)
from converto.auth.account.repository import Accounts
from converto.auth.audit.repository import Audit
from converto.auth.desk import Desk, person, tenant_of
from converto.auth.device_names import device_of
from converto.auth.letters.models import MailedTokenRow
from converto.auth.letters.order import Order, language_of
from converto.auth.letters.repository import NO_TENANT, Letters, MailedTokens
from converto.auth.models import SessionRow, TenantRow, UserRow
from converto.auth.people import Client, Ended, InvalidToken, Me
from converto.auth.refresh_tokens import hash_of, new_token
from converto.auth.repository import Devices, People, Sessions
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.database import Transaction

RESET_PREFIX = "cvp_"
MOST_LETTERS = 5
"""So many letters that verify one address may be on their way at once."""
log = structlog.get_logger()


class AccountDesk(Desk, Account):
    """A person's own account, which they have in every company."""

    async def verify_email(self, token: SecretStr, client: Client) -> VerifiedEmail:
        """Take note that a person reads what is sent to an address."""
        moment = now()
        async with self._across_tenants.writing() as session:
            tokens, accounts = MailedTokens(session), Accounts(session)
            row = await tokens.find(hash_of(token.get_secret_value()), ("verify", "change"), at=moment)
            user = None if row is None else await accounts.locked(row.user_id)
            if row is None or user is None or (row.purpose == "verify" and row.email != user.email) or not await tokens.use(row):
                raise InvalidMailedToken
            before, company = user.email, await self._company_of(session, user)
            if row.purpose == "change":
                await accounts.move(user, row.email)
                await tokens.forget(user.id, "verify", "change", "reset")  # what was sent to the old address opens nothing any more
                await Audit(session).note(company, "auth.email_changed", user_id=user.id, client=client)
                await self._write(session, "email_changed", user, client, to=before, tenant_id=company, facts={"email": user.email})
            user.email_verified_at = moment
            await Audit(session).note(company, "auth.email_verified", user_id=user.id, client=client)
        return VerifiedEmail(email=row.email)

    async def resend_verification(self, actor: Actor, client: Client) -> None:
        """Send the letter that verifies the address again."""
        user_id, _ = person(actor)
        async with self._across_tenants.writing() as session:
            user = await Accounts(session).locked(user_id)
            if user is None:
                raise InvalidToken
            if user.email_verified_at is None:
                await self._require_few_letters(session, user)
                await self._ask_to_verify(session, user, client, tenant_id=actor.tenant_id)

    async def sessions(self, actor: Actor) -> OpenSessions:
        """Return the open sessions of the actor's person."""
        user_id, session_id = person(actor)
        moment = now()
        async with self._across_tenants.reading() as session:
            found = await Accounts(session).sessions(user_id, at=moment, refreshed_after=moment - self._settings.session_idle)
        return OpenSessions(items=tuple(_open_session(row, tenant, current=session_id) for row, tenant in found))

    async def end_session(self, actor: Actor, session_id: UUID) -> None:
        """End a session of the actor's person."""
        user_id, _ = person(actor)
        async with self._across_tenants.writing() as session:
            mine = {row.id: row for row in await Sessions(session).open_ones(user_id)}
            if session_id not in mine:
                raise UnknownSession(session_id=session_id)
            of = mine[session_id]
            await self._end(session, of, "revoked")
            await Audit(session).note(of.tenant_id, "auth.session_revoked", by=actor, target=session_id)
        self._standing.forget(session_id)

    async def change_password(self, actor: Actor, change: PasswordChange, client: Client) -> Ended:
        """Change the password, and end the other sessions."""
        user_id, session_id = person(actor)
        async with self._across_tenants.reading() as session:
            user, companies = await Accounts(session).with_companies(user_id)
        if user is None:
            raise InvalidToken
        counted = await self._count_try(user.email, client, session_id=session_id)
        if not await self._is_right(change.current_password, user.password_hash, counted):
            async with self._across_tenants.writing() as session:
                await Audit(session).note(actor.tenant_id, "auth.password_change_failed", by=actor, client=client)
            raise WrongPassword
        new_hash = await self._good_hash(change.new_password, user, companies)
        async with self._across_tenants.writing() as session:
            if not await Accounts(session).set_password(user.id, old=user.password_hash, new=new_hash):
                raise WrongPassword  # somebody has changed it at this moment
            await MailedTokens(session).forget(user.id, "reset")
            others = [row for row in await Sessions(session).open_ones(user_id) if row.id != session_id]
            for row in others:
                await self._end(session, row, "password_changed")
            await Audit(session).note(actor.tenant_id, "auth.password_changed", by=actor, client=client, sessions=len(others))
            await self._tell_of_password(session, user, client, actor.tenant_id)
            await self._forgive(session, counted)
        return Ended(ended=len(others))

    async def forgot_password(self, forgotten: ForgottenPassword, client: Client) -> None:
        """Have a letter written to whoever has this address; whether somebody has is looked up when it is sent, while nobody waits."""
        await self._means.guard.ask("forgotten password", client)
        language = language_of(client.language, otherwise=self._settings.language)
        order = Order(kind="reset_password", to=forgotten.email, language=language, token=new_token(RESET_PREFIX))
        async with self._across_tenants.writing() as session:
            await Letters(session).write(self._means.vault, order, tenant_id=NO_TENANT)

    async def reset_password(self, reset: PasswordReset, client: Client) -> PasswordIsReset:
        """Set a new password, and end all sessions of the person."""
        token_hash = hash_of(reset.token.get_secret_value())
        async with self._across_tenants.reading() as session:
            user, _ = await self._by_reset(session, token_hash)
            _, companies = await Accounts(session).with_companies(user.id)
        new_hash = await self._good_hash(reset.new_password, user, companies)
        device_token = new_token("cvd_")
        async with self._across_tenants.writing() as session:
            user, row = await self._by_reset(session, token_hash)
            locked = await Accounts(session).locked(user.id)
            if locked is None or not await MailedTokens(session).use(row):
                raise InvalidMailedToken
            if locked.email_verified_at is None:  # somebody else may have opened it, to come in again once its owner has
                await People(session).forget_ways_in(user.id)
            locked.password_hash = new_hash
            locked.email_verified_at = locked.email_verified_at or now()  # the letter was read there
            await Devices(session).forget_all(user.id)
            await Devices(session).add(user.id, hash_of(device_token), now())
            ended = await Sessions(session).open_ones(user.id)
            for of in ended:
                await self._end(session, of, "password_reset")
            company = await self._company_of(session, user)
            await Audit(session).note(company, "auth.password_reset", user_id=user.id, client=client, sessions=len(ended))
            await self._tell_of_password(session, user, client, company)
            await self._means.guard.pardon(session, user.email, client)
        return PasswordIsReset(ended=len(ended), device_token=device_token)

    async def change_profile(self, actor: Actor, change: ProfileChange, client: Client) -> Me:
        """Change the name at once, and the address once it is verified."""
        user_id, _ = person(actor)
        async with self._across_tenants.writing() as session:
            user = await Accounts(session).locked(user_id)
            if user is None:
                raise InvalidToken
            if change.email is not None and change.email != user.email:
                await self._require_fresh(session, actor)
                await self._require_few_letters(session, user)
                await self._ask_to_verify(session, user, client, tenant_id=actor.tenant_id, email=change.email)
                await self._write(session, "email_change_asked", user, client, tenant_id=actor.tenant_id, facts={"email": change.email})
                await Audit(session).note(actor.tenant_id, "auth.email_change_asked", by=actor, client=client)
            if change.full_name is not None and change.full_name != user.full_name:
                user.full_name = change.full_name
                await Audit(session).note(actor.tenant_id, "auth.name_changed", by=actor, client=client)
            await session.flush()
            return await self._me(session, actor)

    async def disable_user(self, email: str) -> Ended:
        """Let a person in no more."""
        async with self._across_tenants.writing() as session:
            user = await self._person_of(session, email)
            user.disabled_at = user.disabled_at or now()
            ended = await Sessions(session).open_ones(user.id)
            for of in ended:
                await self._end(session, of, "user_disabled")
            await MailedTokens(session).forget(user.id, "reset", "change", "verify")
            await Audit(session).note(await self._company_of(session, user), "auth.user_disabled", target=user.id, sessions=len(ended))
        return Ended(ended=len(ended))

    async def enable_user(self, email: str) -> None:
        """Let a person in again."""
        async with self._across_tenants.writing() as session:
            user = await self._person_of(session, email)
            user.disabled_at = None
            await Audit(session).note(await self._company_of(session, user), "auth.user_enabled", target=user.id)

    async def _person_of(self, session: Transaction, email: str) -> UserRow:
        found = await People(session).by_email(email)
        if found is None:
            raise UnknownPerson(email=email)
        return found

    async def _by_reset(self, session: Transaction, token_hash: bytes) -> tuple[UserRow, MailedTokenRow]:
        """Return whose password a letter resets: it was sent to the address that they still have."""
        row = await MailedTokens(session).find(token_hash, ("reset",), at=now())
        user = None if row is None else await People(session).by_email(row.email)
        if row is None or user is None or user.id != row.user_id or user.disabled_at is not None:
            raise InvalidMailedToken
        return user, row

    async def _good_hash(self, password: SecretStr, user: UserRow, companies: tuple[str, ...]) -> str:
        """Return the hash of a password that is good enough for this person. Raises WeakPassword, Overloaded."""
        given = password.get_secret_value()
        await self._require_good_password(given, user.email, companies, field="new_password")
        return await self._hasher.hash(given)

    async def _require_few_letters(self, session: Transaction, user: UserRow) -> None:
        tokens = MailedTokens(session)
        if await tokens.count(user.id, "verify") + await tokens.count(user.id, "change") >= MOST_LETTERS:
            raise TooManyLetters(retry_after_s=3600)

    async def _company_of(self, session: Transaction, user: UserRow) -> UUID:
        """Return the company that is told what a person does who is not signed in."""
        place = await People(session).last_company(user.id)
        return NO_TENANT if place is None else place[0].id

    async def _tell_of_password(self, session: Transaction, user: UserRow, client: Client, tenant_id: UUID) -> None:
        at: datetime = now()
        await self._write(session, "password_changed", user, client, tenant_id=tenant_id, facts={"at": f"{at:%Y-%m-%d %H:%M} UTC"})


def _open_session(row: SessionRow, tenant: TenantRow, *, current: UUID) -> OpenSession:
    return OpenSession(
        id=row.id,
        tenant=tenant_of(tenant),
        device=device_of(row.user_agent),
        address=row.address,
        user_agent=row.user_agent,
        methods=tuple(row.methods.split()),
        opened_at=row.opened_at,
        seen_at=row.refreshed_at,
        ends_at=row.ends_at,
        is_current=row.id == current,
    )
