"""What every part of the service stands on: its means, the person who asks, sessions, and the record of what was done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final, Literal
from uuid import UUID

from pydantic import SecretStr

from converto.auth.audit.repository import Audit
from converto.auth.breaches import Breaches
from converto.auth.device_names import device_of
from converto.auth.events import EndReason, SessionRevoked, UserLoggedIn
from converto.auth.figures import SignInFigures
from converto.auth.guard import Guard
from converto.auth.letters.order import Kind, Order, language_of
from converto.auth.letters.postman import Postman
from converto.auth.letters.repository import Letters, MailedTokens, Purpose
from converto.auth.models import NO_PASSWORD, SessionRow, TenantRow, UserRow
from converto.auth.passwords import PasswordHasher
from converto.auth.people import (
    Client,
    InvalidToken,
    Me,
    NoCompany,
    Overloaded,
    SignedIn,
    StepUpRequired,
    Tenant,
    TokenPair,
    TooManyFailures,
    User,
    WeakPassword,
)
from converto.auth.refresh_tokens import hash_of, new_token
from converto.auth.repository import Devices, People, Sessions
from converto.auth.roles import SELF, Role, scopes
from converto.auth.settings import AuthSettings
from converto.auth.signing import Signing
from converto.auth.standing import StandingSessions
from converto.auth.throttle import Try
from converto.auth.tokens import LIFETIME
from converto.auth.vault import Vault
from converto.events.outbox import publish
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.database import Database, Transaction, after_commit
from converto.kernel.errors import Forbidden
from converto.kernel.paid_work import PaidWork

FRESH_FOR = timedelta(minutes=5)
"""How long a proof of who somebody is counts for what only they themselves may do."""
DEVICE_PREFIX: Final = "cvd_"
VERIFY_PREFIX: Final = "cvv_"
VERIFY_WITHIN: Final = timedelta(hours=24)
LEAKED: Final = "it is known from a leak elsewhere"


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
    guard: Guard
    breaches: Breaches | None
    figures: SignInFigures
    paid_work: PaidWork
    """What is asked whether the plan holds another seat, or API access."""
    public_url: str
    """Where people reach this installation: passkeys belong to it, and other providers send people back there."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody who has just come in: the session that was opened for them, and its first refresh token."""

    user: UserRow
    tenant: TenantRow
    role: Role
    session: SessionRow
    refresh_token: str
    device_token: str


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

    async def _count_try(self, email: str, client: Client, *, session_id: UUID | None = None) -> Try:
        """Count a try before it is made: many at once would otherwise all be free. What is right takes the count back by `_forgive`.

        Who is signed in tries in their session. Raises TooManyFailures; Unavailable where the counts cannot be asked.
        """
        known_by = None if session_id is None else f"session {session_id}"
        if known_by is None and client.device_token is not None:
            device = hash_of(client.device_token.get_secret_value())
            async with self._across_tenants.reading() as session:
                known_by = f"device {device.hex()}" if await Devices(session).is_known(email, device) else None
        try:
            return await self._means.guard.admit(email, client, known_by=known_by)
        except TooManyFailures:
            self._means.figures.refused("too_many_failures")
            raise

    async def _is_right(self, password: SecretStr, stored: str | None, counted: Try) -> bool:
        """Tell whether a password is the stored one; what there is no room to look at is not counted. Raises Overloaded."""
        usable = None if stored == NO_PASSWORD else stored
        try:
            return await self._hasher.verify(password.get_secret_value(), usable)
        except Overloaded:
            await self._means.guard.take_back(counted)
            raise

    async def _forgive(self, session: Transaction, counted: Try) -> None:
        """Take a try back that was right, with the failures before it: the last that a transaction does, for others wait for the counts."""
        await self._means.guard.forget(session, counted)

    async def _come_in(self, session: Transaction, user: UserRow, client: Client, *, methods: tuple[str, ...]) -> Arrival:
        """Sign somebody who has proved who they are in to the company they turned to last; noted and told. Raises NoCompany."""
        sessions = Sessions(session)
        await sessions.forget_expired(user.id, now())
        place = await People(session).last_company(user.id)
        if place is None:
            raise NoCompany
        tenant, role = place
        device_token, is_new = await self._recognise(session, user, client)
        opened, token = await self._open(sessions, (user, tenant), client, methods=methods)
        await Audit(session).note(tenant.id, "auth.signed_in", user_id=user.id, client=client, methods=list(methods))
        await publish(session, UserLoggedIn(tenant_id=tenant.id, user_id=user.id, session_id=opened.id))
        if is_new and self._settings.tell_new_devices:
            facts = {
                "device": device_of(client.user_agent),
                "address": client.address or "?",
                "at": f"{opened.opened_at:%Y-%m-%d %H:%M} UTC",
            }
            await self._write(session, "new_device", user, client, tenant_id=tenant.id, facts=facts)
        return Arrival(user, tenant, role, opened, token, device_token)

    async def _welcome(self, arrival: Arrival) -> SignedIn:
        """Return the first tokens of a session, once its transaction has committed."""
        signed_in = await self._signed_in(
            arrival.user, arrival.tenant, arrival.session, role=arrival.role, refresh_token=arrival.refresh_token
        )
        self._means.figures.came_in()
        return signed_in.model_copy(update={"device_token": arrival.device_token})

    async def _recognise(self, session: Transaction, user: UserRow, client: Client) -> tuple[str, bool]:
        """Return what makes the device known from now on, and whether nobody has signed in to the account from anything like it before."""
        devices, at, given = Devices(session), now(), client.device_token
        if given is not None and await devices.see(user.id, hash_of(given.get_secret_value()), at):
            return given.get_secret_value(), False
        token, is_new = new_token(DEVICE_PREFIX), await Sessions(session).is_unlike_others(user.id, client)
        await devices.add(user.id, hash_of(token), at)
        return token, is_new

    async def _write(
        self,
        session: Transaction,
        kind: Kind,
        user: UserRow,
        client: Client,
        *,
        token: str | None = None,
        to: str | None = None,
        tenant_id: UUID | None = None,
        facts: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Write a person a letter, to their own address unless said otherwise; it goes out once the transaction has committed."""
        language = language_of(client.language, otherwise=self._settings.language)
        told = {"name": user.full_name, **facts}
        order = Order(kind=kind, to=to or user.email, language=language, token=token, facts=told)
        await Letters(session).write(self._means.vault, order, tenant_id=tenant_id)

    async def _tell_of_way_in(
        self, session: Transaction, kind: Literal["way_in_added", "way_in_removed"], user: UserRow, way: str, *, tenant_id: UUID
    ) -> None:
        """Write a person that a way in to their account, or what guards it, was added or removed."""
        facts = {"way": way, "at": f"{now():%Y-%m-%d %H:%M} UTC"}
        await self._write(session, kind, user, Client(), tenant_id=tenant_id, facts=facts)

    async def _open(
        self, sessions: Sessions, member: tuple[UserRow, TenantRow], client: Client, *, methods: tuple[str, ...]
    ) -> tuple[SessionRow, str]:
        """Open a session for a person in a company, which they have just proved by these methods; returns it and its refresh token."""
        (user, tenant), token = member, new_token()
        ends_at = now() + self._settings.session_max
        opened = await sessions.open(tenant.id, user.id, token_hash=hash_of(token), client=client, ends_at=ends_at, methods=methods)
        return opened, token

    async def _signed_in(self, user: UserRow, tenant: TenantRow, of: SessionRow, *, role: Role, refresh_token: str) -> SignedIn:
        tokens = await self._tokens(of, role=role, refresh_token=refresh_token)
        return SignedIn(**dict(tokens), user=user_of(user), tenant=tenant_of(tenant))

    async def _tokens(self, of: SessionRow, *, role: Role, refresh_token: str) -> TokenPair:
        """Return a session's next pair: an access token for now, and the refresh token that was kept for it."""
        signer = (await self._signing.tools()).signer
        access_token = signer.token(user_id=of.user_id, tenant_id=of.tenant_id, session_id=of.id, role=role, version=of.version, at=now())
        return TokenPair(access_token=access_token, refresh_token=refresh_token, expires_in=int(LIFETIME.total_seconds()))

    async def _ask_to_verify(
        self, session: Transaction, user: UserRow, client: Client, *, tenant_id: UUID, email: str | None = None
    ) -> None:
        """Write a letter that shows whether a person reads what is sent to their address, or to another one that they want."""
        token, ends_at = new_token(VERIFY_PREFIX), now() + VERIFY_WITHIN
        purpose: Purpose = "verify" if email is None else "change"
        await MailedTokens(session).add(hash_of(token), purpose, user_id=user.id, email=email or user.email, ends_at=ends_at)
        kind: Kind = "verify_email" if email is None else "confirm_email"
        await self._write(session, kind, user, client, token=token, to=email, tenant_id=tenant_id)

    async def _require_good_password(self, password: str, email: str, companies: Sequence[str], *, field: str = "password") -> None:
        """Go on only with a password that is hard to guess, and not known to have leaked. Raises WeakPassword, Overloaded."""
        await self._hasher.require_strong(password, email=email, companies=companies, field=field)
        if self._means.breaches is not None and await self._means.breaches.knows(password):
            raise WeakPassword(reason=LEAKED, errors=[{"pointer": f"/{field}", "detail": LEAKED}])

    async def _me(self, session: Transaction, actor: Actor) -> Me:
        """Return the actor's person, company and scopes. Raises InvalidToken."""
        user_id, _ = person(actor)
        member = await People(session).member(actor.tenant_id, user_id)
        if member is None:
            raise InvalidToken
        user, tenant, role = member
        may = scopes(role) if user.deletion_due_at is None else SELF
        return Me(user=user_of(user), tenant=tenant_of(tenant), role=role, scopes=tuple(sorted(may)))

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
    return User(
        id=row.id,
        email=row.email,
        full_name=row.full_name,
        created_at=row.created_at,
        email_verified=row.email_verified_at is not None,
        deletes_at=row.deletion_due_at,
    )


def tenant_of(row: TenantRow) -> Tenant:
    """Return a company as others see it."""
    return Tenant(id=row.id, name=row.name, created_at=row.created_at)
