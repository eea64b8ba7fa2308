"""Decides who may come in: registration, sign-in, and how a session goes on and ends."""

from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import structlog
from pydantic import SecretStr

from converto.auth.audit.repository import Audit
from converto.auth.desk import Arrival, Desk, Means, person
from converto.auth.events import UserRegistered
from converto.auth.factors.interface import WrongOtp
from converto.auth.factors.second_step import SecondStep
from converto.auth.letters.repository import NO_TENANT
from converto.auth.models import RefreshTokenRow, SessionRow, UserRow
from converto.auth.passwords import needs_rehash
from converto.auth.people import (
    Client,
    EmailTaken,
    Ended,
    InvalidRefreshToken,
    Me,
    SignedIn,
    WrongCredentials,
)
from converto.auth.refresh_tokens import hash_of, new_token, seal, unseal
from converto.auth.repository import People, Sessions
from converto.auth.roles import Role
from converto.auth.sign_in.interface import Credentials, Registration, RegistrationClosed, SignIn
from converto.auth.throttle import account_of
from converto.events.outbox import publish
from converto.kernel.actor import Actor
from converto.kernel.clock import now

NOBODY: Final = UUID(int=0)
log = structlog.get_logger()


class SignInDesk(Desk, SignIn):
    """Accounts, sessions and tokens."""

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self._grace = timedelta(seconds=self._settings.refresh_grace_s)

    async def register(self, registration: Registration, client: Client) -> SignedIn:
        """Open an account and a company, and sign the person in as its owner."""
        if not self._settings.registration_open:
            raise RegistrationClosed
        password, email = registration.password.get_secret_value(), registration.email
        async with self._across_tenants.reading() as session:
            if await People(session).by_email(email) is not None:
                raise EmailTaken
        await self._require_good_password(password, email, (registration.company_name,))
        password_hash = await self._hasher.hash(password)
        moment = now()
        async with self._across_tenants.writing() as session:
            people = People(session)
            user = await people.add(email=email, full_name=registration.full_name, password_hash=password_hash, at=moment)
            tenant = await people.found(registration.company_name, user, at=moment)
            device_token, _ = await self._recognise(session, user, client)
            opened, token = await self._open(Sessions(session), (user, tenant), client, methods=("pwd",))
            await self._ask_to_verify(session, user, client, tenant_id=tenant.id)
            await Audit(session).note(tenant.id, "auth.registered", user_id=user.id, client=client)
            names = {"email": email, "full_name": user.full_name, "company_name": tenant.name}
            await publish(session, UserRegistered(tenant_id=tenant.id, user_id=user.id, **names))
        log.info("auth.registered", user_id=str(user.id), tenant_id=str(tenant.id))
        return await self._welcome(Arrival(user, tenant, Role.OWNER, opened, token, device_token))

    async def login(self, credentials: Credentials, client: Client) -> SignedIn:
        """Sign a person in to the company they joined first."""
        password = credentials.password.get_secret_value()
        counted = await self._count_try(credentials.email, client)
        async with self._across_tenants.reading() as session:
            known = await People(session).by_email(credentials.email)
        right = await self._is_right(credentials.password, None if known is None else known.password_hash, counted)
        if known is None or not right or known.disabled_at is not None:
            await self._note_failure(known, credentials.email, client, what="password")
            raise WrongCredentials
        better_hash = await self._hasher.hash(password) if needs_rehash(known.password_hash) else None
        try:
            async with self._across_tenants.writing() as session:
                methods = ("pwd", *await SecondStep(session, self._means.vault).require(known.id, credentials.otp))
                if better_hash is not None:
                    await People(session).rehash(known.id, old=known.password_hash, new=better_hash)
                arrival = await self._come_in(session, known, client, methods=methods)
                await self._forgive(session, counted)
        except WrongOtp:
            await self._note_failure(known, credentials.email, client, what="otp")
            raise
        return await self._welcome(arrival)

    async def _note_failure(self, known: UserRow | None, email: str, client: Client, *, what: Literal["password", "otp"]) -> None:
        """Note a wrong password, or a wrong code after a right one, in the audit log of the company, or of none for an unknown e-mail.

        Both do the same work, down to a look for the company of nobody: the time that it takes tells nothing.
        """
        async with self._across_tenants.writing() as session:
            place = await People(session).last_company(NOBODY if known is None else known.id)
            tenant_id = NO_TENANT if place is None else place[0].id
            user_id = None if known is None else known.id
            account = account_of(email).hex()[:16]
            await Audit(session).note(tenant_id, "auth.sign_in_failed", user_id=user_id, target=account, client=client, what=what)
        self._means.figures.refused(what)
        log.info("auth.sign_in_failed", account=account)

    async def refresh(self, refresh_token: SecretStr) -> SignedIn:
        """Exchange a refresh token for the next pair; one that comes back too late ends its session."""
        token, moment = refresh_token.get_secret_value(), now()
        async with self._across_tenants.writing() as session:
            sessions = Sessions(session)
            found = await sessions.by_token(hash_of(token))
            if found is None or self._is_over(found[1], moment):
                raise InvalidRefreshToken
            row, of = found
            successor = await self._succeed(sessions, found, token=token, at=moment)
            member = None if successor is None else await People(session).member(of.tenant_id, of.user_id)
            if successor is None:
                # This stands although the request fails: whoever holds the rest of the family has lost it.
                await self._end(session, of, "refresh_token_reused")
                await Audit(session).note(of.tenant_id, "auth.refresh_token_reused", user_id=of.user_id, target=of.id)
        if successor is None:
            self._standing.forget(row.session_id)
            self._means.figures.reused()
            log.warning("auth.refresh_token_reused", session_id=str(of.id), user_id=str(of.user_id), tenant_id=str(of.tenant_id))
        if successor is None or member is None or member[0].disabled_at is not None:
            raise InvalidRefreshToken
        user, tenant, role = member
        return await self._signed_in(user, tenant, of, role=role, refresh_token=successor)

    async def logout(self, actor: Actor) -> None:
        """End the actor's session."""
        _, session_id = person(actor)
        async with self._database.writing() as session:
            of = await Sessions(session).get(actor.tenant_id, session_id)
            if of is not None:
                await self._end(session, of, "logout")
                await Audit(session).note(actor.tenant_id, "auth.signed_out", by=actor)
        self._standing.forget(session_id)

    async def logout_all(self, actor: Actor) -> Ended:
        """End every session of the actor's person."""
        user_id, _ = person(actor)
        async with self._across_tenants.writing() as session:
            ended = await Sessions(session).open_ones(user_id)
            for row in ended:
                await self._end(session, row, "logout_all")
            await Audit(session).note(actor.tenant_id, "auth.signed_out_everywhere", by=actor, sessions=len(ended))
        for row in ended:
            self._standing.forget(row.id)
        return Ended(ended=len(ended))

    async def me(self, actor: Actor) -> Me:
        """Return the actor's person, company and scopes."""
        async with self._database.reading() as session:
            return await self._me(session, actor)

    def _is_over(self, of: SessionRow, at: datetime) -> bool:
        return of.ended_at is not None or of.ends_at <= at or of.refreshed_at + self._settings.session_idle <= at

    async def _succeed(self, sessions: Sessions, found: tuple[RefreshTokenRow, SessionRow], *, token: str, at: datetime) -> str | None:
        """Return the successor of a refresh token: a new one, within the grace the same again, later None."""
        row, of = found
        if row.used_at is None:
            successor = new_token()
            await sessions.forget_successors(of, used_before=at - self._grace)
            await sessions.use(row, of, sealed_successor=seal(token, successor), successor_hash=hash_of(successor), at=at)
            return successor
        if at - row.used_at > self._grace or row.sealed_successor is None:
            return None
        return unseal(token, row.sealed_successor)
