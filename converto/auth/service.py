"""Decides who may come in, and as what."""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from pydantic import SecretStr

from converto.auth.events import EndReason, SessionRevoked, UserLoggedIn, UserRegistered
from converto.auth.interface import (
    Auth,
    Client,
    Credentials,
    EmailTaken,
    Ended,
    InvalidRefreshToken,
    InvalidToken,
    KeySet,
    Me,
    NoCompany,
    Registration,
    RegistrationClosed,
    SignedIn,
    Tenant,
    TooManyFailures,
    User,
    WrongCredentials,
)
from converto.auth.models import RefreshTokenRow, SessionRow, TenantRow, UserRow
from converto.auth.passwords import PasswordHasher, needs_rehash
from converto.auth.refresh_tokens import hash_of, new_token, seal, unseal
from converto.auth.repository import Failures, People, Sessions, Standing
from converto.auth.roles import Role, scopes
from converto.auth.settings import AuthSettings
from converto.auth.signing import Signing
from converto.auth.standing import StandingSessions
from converto.auth.throttle import Throttle, account_of
from converto.auth.tokens import LIFETIME
from converto.events.outbox import publish
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.database import Database
from converto.kernel.errors import Forbidden

log = structlog.get_logger()


class AuthService(Auth):
    """People, companies, sessions and tokens, in one database."""

    def __init__(self, database: Database, settings: AuthSettings, *, hasher: PasswordHasher, signing: Signing) -> None:
        self._database = database
        self._settings = settings
        self._hasher = hasher
        self._signing = signing
        self._throttle = Throttle(free=settings.free_failures, longest_s=settings.longest_wait_s)
        self._grace = timedelta(seconds=settings.refresh_grace_s)
        self._standing = StandingSessions(settings.session_cache_s)

    async def register(self, registration: Registration, client: Client) -> SignedIn:
        """Open an account and a company, and sign the person in as its owner."""
        if not self._settings.registration_open:
            raise RegistrationClosed
        password, email = registration.password.get_secret_value(), registration.email
        async with self._database.reading() as session:
            if await People(session).by_email(email) is not None:
                raise EmailTaken
        await self._hasher.require_strong(password, email=email, company=registration.company_name)
        password_hash = await self._hasher.hash(password)
        moment, token = now(), new_token()
        async with self._database.writing() as session:
            people = People(session)
            user = await people.add(email=email, full_name=registration.full_name, password_hash=password_hash, at=moment)
            tenant = await people.found(registration.company_name, user, at=moment)
            lasts = self._settings.session_max
            opened = await Sessions(session).open(tenant.id, user.id, token_hash=hash_of(token), client=client, at=moment, lasts=lasts)
            names = {"email": email, "full_name": user.full_name, "company_name": tenant.name}
            await publish(session, UserRegistered(tenant_id=tenant.id, user_id=user.id, **names))
        log.info("auth.registered", user_id=str(user.id), tenant_id=str(tenant.id))
        return await self._signed_in(user, tenant, opened, role=Role.OWNER, refresh_token=token)

    async def login(self, credentials: Credentials, client: Client) -> SignedIn:
        """Sign a person in to the company they joined first."""
        password, account = credentials.password.get_secret_value(), account_of(credentials.email)
        await self._count_try(account)
        async with self._database.reading() as session:
            known = await People(session).by_email(credentials.email)
        right = await self._hasher.verify(password, None if known is None else known.password_hash)
        if known is None or not right or known.disabled_at is not None:
            log.info("auth.sign_in_failed", user_id=None if known is None else str(known.id))
            raise WrongCredentials
        better_hash = await self._hasher.hash(password) if needs_rehash(known.password_hash) else None
        moment, token = now(), new_token()
        async with self._database.writing() as session:
            people, sessions = People(session), Sessions(session)
            await Failures(session).forget(account, moment)
            await sessions.forget_expired(known.id, moment)
            place = await people.first_company(known.id)
            if place is None:
                raise NoCompany
            tenant, role = place
            if better_hash is not None:
                await people.rehash(known.id, old=known.password_hash, new=better_hash)
            lasts = self._settings.session_max
            opened = await sessions.open(tenant.id, known.id, token_hash=hash_of(token), client=client, at=moment, lasts=lasts)
            await publish(session, UserLoggedIn(tenant_id=tenant.id, user_id=known.id, session_id=opened.id))
        return await self._signed_in(known, tenant, opened, role=role, refresh_token=token)

    async def refresh(self, refresh_token: SecretStr) -> SignedIn:
        """Exchange a refresh token for the next pair; one that comes back too late ends its session."""
        token, moment = refresh_token.get_secret_value(), now()
        async with self._database.writing() as session:
            sessions = Sessions(session)
            found = await sessions.by_token(hash_of(token))
            if found is None or self._is_over(found[1], moment):
                raise InvalidRefreshToken
            row, of = found
            successor = await self._succeed(sessions, found, token=token, at=moment)
            member = None if successor is None else await People(session).member(of.tenant_id, of.user_id)
            if successor is None:
                # This stands although the request fails: whoever holds the rest of the family has lost it.
                await sessions.end(of.tenant_id, of.id, reason="refresh_token_reused", at=moment)
                await publish(session, _revoked(of, "refresh_token_reused"))
        if successor is None:
            self._standing.forget(row.session_id)
            log.warning("auth.refresh_token_reused", session_id=str(of.id), user_id=str(of.user_id), tenant_id=str(of.tenant_id))
        if successor is None or member is None or member[0].disabled_at is not None:
            raise InvalidRefreshToken
        user, tenant, role = member
        return await self._signed_in(user, tenant, of, role=role, refresh_token=successor)

    async def logout(self, actor: Actor) -> None:
        """End the actor's session."""
        _, session_id = _person(actor)
        async with self._database.writing() as session:
            ended = await Sessions(session).end(actor.tenant_id, session_id, reason="logout", at=now())
            if ended is not None:
                await publish(session, _revoked(ended, "logout"))
        self._standing.forget(session_id)

    async def logout_all(self, actor: Actor) -> Ended:
        """End every session of the actor's person."""
        user_id, _ = _person(actor)
        async with self._database.writing() as session:
            sessions = Sessions(session)
            ended = await sessions.open_ones(user_id)
            for row in ended:
                await sessions.end(row.tenant_id, row.id, reason="logout_all", at=now())
                await publish(session, _revoked(row, "logout_all"))
        for row in ended:
            self._standing.forget(row.id)
        return Ended(ended=len(ended))

    async def me(self, actor: Actor) -> Me:
        """Return the actor's person, company and scopes."""
        user_id, _ = _person(actor)
        async with self._database.reading() as session:
            member = await People(session).member(actor.tenant_id, user_id)
        if member is None:
            raise InvalidToken
        user, tenant, role = member
        return Me(user=_user(user), tenant=_tenant(tenant), role=role, scopes=tuple(sorted(scopes(role))))

    async def authenticate(self, access_token: str) -> Actor:
        """Return whom an access token stands for."""
        moment = now()
        claims = (await self._signing.tools()).verifier.claims(access_token, moment)
        standing = await self._standing_of(claims.tid, claims.sid)
        if standing is None or standing.ends_at <= moment or (standing.user_id, standing.version) != (claims.sub, claims.ver):
            raise InvalidToken
        return Actor(
            tenant_id=claims.tid, user_id=claims.sub, session_id=claims.sid, role=standing.role.value, scopes=scopes(standing.role)
        )

    async def key_set(self) -> KeySet:
        """Return the public keys."""
        return (await self._signing.tools()).public

    async def _count_try(self, account: bytes) -> None:
        """Count a try before it is made: many at once would otherwise all be free. A right password takes the count back."""
        moment = now()
        async with self._database.writing() as session:
            row = await Failures(session).of(account, moment)
            if row.blocked_until > moment:
                raise TooManyFailures(retry_after_s=max(1, round((row.blocked_until - moment).total_seconds())))
            row.failures = self._throttle.failures(row.failures, row.last_at, moment)
            row.last_at, row.blocked_until = moment, moment + self._throttle.wait(row.failures)

    async def _standing_of(self, tenant_id: UUID, session_id: UUID) -> Standing | None:
        known = self._standing.get(session_id)
        if known is None:
            async with self._database.reading() as session:
                known = await Sessions(session).standing(tenant_id, session_id)
            if known is not None:
                self._standing.keep(session_id, known)
        return known

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

    async def _signed_in(self, user: UserRow, tenant: TenantRow, of: SessionRow, *, role: Role, refresh_token: str) -> SignedIn:
        signer = (await self._signing.tools()).signer
        access_token = signer.token(user_id=user.id, tenant_id=tenant.id, session_id=of.id, role=role, version=of.version, at=now())
        return SignedIn(
            access_token=access_token,
            refresh_token=refresh_token,
            expires_in=int(LIFETIME.total_seconds()),
            user=_user(user),
            tenant=_tenant(tenant),
        )


def _person(actor: Actor) -> tuple[UUID, UUID]:
    """Return the person and the session of an actor. Raises Forbidden for one that is no person, such as an API key."""
    actor.require("auth:self")
    if actor.user_id is None or actor.session_id is None:
        raise Forbidden(scope="auth:self")
    return actor.user_id, actor.session_id


def _revoked(of: SessionRow, reason: EndReason) -> SessionRevoked:
    return SessionRevoked(tenant_id=of.tenant_id, user_id=of.user_id, session_id=of.id, reason=reason)


def _user(row: UserRow) -> User:
    return User(id=row.id, email=row.email, full_name=row.full_name, created_at=row.created_at)


def _tenant(row: TenantRow) -> Tenant:
    return Tenant(id=row.id, name=row.name, created_at=row.created_at)
