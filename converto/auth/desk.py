"""What every part of the service stands on: its means, the person who asks, sessions, and the record of what was done."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from converto.auth.audit.repository import Audit
from converto.auth.events import EndReason, SessionRevoked, UserLoggedIn
from converto.auth.letters.postman import Postman
from converto.auth.models import SessionRow, TenantRow, UserRow
from converto.auth.passwords import PasswordHasher
from converto.auth.people import Client, NoCompany, SignedIn, StepUpRequired, Tenant, TooManyFailures, User
from converto.auth.refresh_tokens import hash_of, new_token
from converto.auth.repository import Failures, People, Sessions
from converto.auth.roles import Role
from converto.auth.settings import AuthSettings
from converto.auth.signing import Signing
from converto.auth.standing import StandingSessions
from converto.auth.throttle import Throttle
from converto.auth.tokens import LIFETIME
from converto.auth.vault import Vault
from converto.events.outbox import publish
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.database import Database, Transaction, after_commit
from converto.kernel.errors import Forbidden

FRESH_FOR = timedelta(minutes=5)
"""How long a proof of who somebody is counts for what only they themselves may do."""


@dataclass(frozen=True, slots=True)
class Means:
    """What the service works with."""

    database: Database
    settings: AuthSettings
    hasher: PasswordHasher
    signing: Signing
    standing: StandingSessions
    vault: Vault
    """Seals what has to be read again: letters, the secrets of authenticator apps, and of sign-ins by others that are under way."""
    postman: Postman


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody who has just come in: the session that was opened for them, and its first refresh token."""

    user: UserRow
    tenant: TenantRow
    role: Role
    session: SessionRow
    refresh_token: str


class Desk:
    """One part of the service: it shares its means with the others."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._database = means.database
        """Shows the rows of the actor's company alone, where an actor asks; on PostgreSQL no rows where none does."""
        self._across_tenants = means.database.across_tenants
        """For what nobody is signed in for yet, and for what a person has in several companies."""
        self._settings = means.settings
        self._hasher = means.hasher
        self._signing = means.signing
        self._standing = means.standing
        self._throttle = Throttle(free=self._settings.free_failures, longest_s=self._settings.longest_wait_s)

    async def _count_try(self, account: bytes) -> None:
        """Count a try before it is made: many at once would otherwise all be free. What is right takes the count back."""
        moment = now()
        async with self._database.writing() as session:
            row = await Failures(session).of(account, moment)
            if row.blocked_until > moment:
                raise TooManyFailures(retry_after_s=max(1, round((row.blocked_until - moment).total_seconds())))
            row.failures = self._throttle.failures(row.failures, row.last_at, moment)
            row.last_at, row.blocked_until = moment, moment + self._throttle.wait(row.failures)

    async def _come_in(self, session: Transaction, user: UserRow, client: Client, *, methods: tuple[str, ...]) -> Arrival:
        """Sign somebody who has proved who they are in to the company they turned to last; noted and told. Raises NoCompany."""
        sessions = Sessions(session)
        await sessions.forget_expired(user.id, now())
        place = await People(session).last_company(user.id)
        if place is None:
            raise NoCompany
        tenant, role = place
        opened, token = await self._open(sessions, (user, tenant), client, methods=methods)
        await Audit(session).note(tenant.id, "auth.signed_in", user_id=user.id, client=client, methods=list(methods))
        await publish(session, UserLoggedIn(tenant_id=tenant.id, user_id=user.id, session_id=opened.id))
        return Arrival(user, tenant, role, opened, token)

    async def _welcome(self, arrival: Arrival) -> SignedIn:
        """Return the first tokens of a session, once its transaction has committed."""
        return await self._signed_in(arrival.user, arrival.tenant, arrival.session, role=arrival.role, refresh_token=arrival.refresh_token)

    async def _open(
        self, sessions: Sessions, member: tuple[UserRow, TenantRow], client: Client, *, methods: tuple[str, ...]
    ) -> tuple[SessionRow, str]:
        """Open a session for a person in a company, which they have just proved by these methods; returns it and its refresh token."""
        (user, tenant), token = member, new_token()
        ends_at = now() + self._settings.session_max
        opened = await sessions.open(tenant.id, user.id, token_hash=hash_of(token), client=client, ends_at=ends_at, methods=methods)
        return opened, token

    async def _signed_in(self, user: UserRow, tenant: TenantRow, of: SessionRow, *, role: Role, refresh_token: str) -> SignedIn:
        signer = (await self._signing.tools()).signer
        access_token = signer.token(user_id=user.id, tenant_id=tenant.id, session_id=of.id, role=role, version=of.version, at=now())
        return SignedIn(
            access_token=access_token,
            refresh_token=refresh_token,
            expires_in=int(LIFETIME.total_seconds()),
            user=user_of(user),
            tenant=tenant_of(tenant),
        )

    async def _require_fresh(self, session: Transaction, actor: Actor) -> None:
        """Go on only where the person has proved in this session, minutes ago, who they are. Raises StepUpRequired."""
        _, session_id = person(actor)
        row = await Sessions(session).get(actor.tenant_id, session_id)
        if row is None or now() - row.proved_at > FRESH_FOR:
            raise StepUpRequired

    async def _end(self, session: Transaction, of: SessionRow, reason: EndReason) -> None:
        """End a session that stands, and tell of it."""
        await Sessions(session).end(of.tenant_id, of.id, reason=reason, at=now())
        await publish(session, SessionRevoked(tenant_id=of.tenant_id, user_id=of.user_id, session_id=of.id, reason=reason))
        after_commit(session, lambda: self._standing.forget(of.id))


def person(actor: Actor) -> tuple[UUID, UUID]:
    """Return the person and the session of an actor. Raises Forbidden for one that is no person, such as an API key."""
    actor.require("auth:self")
    if actor.user_id is None or actor.session_id is None:
        raise Forbidden(scope="auth:self")
    return actor.user_id, actor.session_id


def user_of(row: UserRow) -> User:
    """Return a person as others see them."""
    return User(id=row.id, email=row.email, full_name=row.full_name, created_at=row.created_at, deletes_at=row.deletion_due_at)


def tenant_of(row: TenantRow) -> Tenant:
    """Return a company as others see it."""
    return Tenant(id=row.id, name=row.name, created_at=row.created_at)
