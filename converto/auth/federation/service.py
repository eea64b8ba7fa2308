"""Decides who comes in by another provider, and as whom."""

import hmac
import secrets
from datetime import timedelta
from functools import cached_property
from hashlib import sha256
from typing import Final

import orjson
import structlog
from pydantic import SecretStr, TypeAdapter, ValidationError

from converto.auth.audit.repository import Audit
from converto.auth.desk import Arrival, Desk, person
from converto.auth.events import UserRegistered
from converto.auth.factors.repository import Codes, Passkeys
from converto.auth.federation.id_tokens import BadIdToken, IdClaims
from converto.auth.federation.interface import (
    EmailUnverified,
    Federation,
    Identities,
    Identity,
    Landing,
    LastWayIn,
    LinkRequired,
    OidcRefused,
    OidcStart,
    Page,
    Provider,
    ProviderAnswer,
    Providers,
    ProviderUnavailable,
    UnknownIdentity,
    UnknownProvider,
)
from converto.auth.federation.models import IdentityRow, OidcFlowRow
from converto.auth.federation.provider import NotAccepted, OidcClient
from converto.auth.federation.repository import Flows, KnownIdentities
from converto.auth.models import NO_PASSWORD, PERSON, UserRow
from converto.auth.people import Client, Email, InvalidToken, Name
from converto.auth.repository import People, Sessions
from converto.auth.sign_in.interface import RegistrationClosed
from converto.events.outbox import publish
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.database import Transaction
from converto.kernel.outgoing.asking import Asking, Unreachable
from converto.kernel.outgoing.guard import Guard
from converto.kernel.outgoing.outgoing import Outgoing
from converto.kernel.outgoing.resolver import Resolver

BACK_WITHIN: Final = timedelta(minutes=10)
IDLE_S: Final = 10.0
"""How long a connection to a provider is kept for the next question."""
FEDERATED: Final = "fed"
"""The method of a session that another provider vouches for; RFC 8176 has no name for it."""
_email: Final[TypeAdapter[str]] = TypeAdapter(Email)
_name: Final[TypeAdapter[str]] = TypeAdapter(Name)
log = structlog.get_logger()


class FederationDesk(Desk, Federation):
    """Sign-in by other providers."""

    @cached_property
    def _asking(self) -> Asking:
        own = self._settings
        # without TLS only where an operator has opened a network of their own
        guard = Guard(allowed=own.oidc_allowed_networks, https_only=not own.oidc_allowed_networks)
        return Asking(Outgoing(guard, Resolver(), idle_s=IDLE_S, ca_file=own.oidc_ca_file), timeout_s=own.oidc_timeout_s)

    @cached_property
    def _clients(self) -> dict[str, OidcClient]:
        base = self._means.public_url.rstrip("/")
        return {
            name: OidcClient(name, settings, self._asking, redirect_uri=f"{base}/auth/oidc/{name}/callback")
            for name, settings in self._settings.oidc.items()
        }

    async def close_federation(self) -> None:
        """Close the connections to providers."""
        if "_asking" in self.__dict__:
            await self._asking.close()

    async def oidc_providers(self) -> Providers:
        """Return who else people may sign in by."""
        return Providers(items=tuple(Provider(name=client.name, title=client.title) for client in self._clients.values()))

    async def start_oidc(self, name: str, browser: SecretStr | None, *, return_to: Page | None = None) -> OidcStart:
        """Return where a browser is sent to sign in."""
        return await self._start(self._client(name), browser, None, return_to=return_to)

    async def start_oidc_link(self, actor: Actor, name: str, *, browser: SecretStr | None, return_to: Page | None = None) -> OidcStart:
        """Return where a browser is sent to link an account."""
        client = self._client(name)
        async with self._database.writing() as session:
            await self._require_fresh(session, actor)
        return await self._start(client, browser, actor, return_to=return_to)

    async def finish_oidc(self, name: str, answer: ProviderAnswer, *, browser: SecretStr | None, client: Client) -> Landing:
        """Sign a person in, or link their account."""
        provider = self._client(name)
        flow = await self._brought_back(provider, answer, browser)
        said = await self._said(provider, flow, answer)
        if flow.session_id is not None:
            return Landing(linked=await self._link(provider, flow, said, client), return_to=flow.return_to)
        async with self._across_tenants.writing() as session:
            arrival = await self._arrival(session, provider, said, client)
        return Landing(signed_in=await self._welcome(arrival), return_to=flow.return_to)

    async def identities(self, actor: Actor) -> Identities:
        """Return who the actor's person is at other providers."""
        user_id, _ = person(actor)
        async with self._database.reading() as session:
            return Identities(items=tuple(self._identity(row) for row in await KnownIdentities(session).of(user_id)))

    async def unlink_oidc(self, actor: Actor, name: str) -> None:
        """Let nobody sign in by this provider to the actor's account."""
        user_id, _ = person(actor)
        provider = self._client(name)
        async with self._database.writing() as session:
            await self._require_fresh(session, actor)
            known = KnownIdentities(session)
            if not await known.remove(user_id, provider.issuer):
                raise UnknownIdentity(name=name)
            member = await People(session).member(actor.tenant_id, user_id)
            if member is None:
                raise InvalidToken
            has_password = member[0].password_hash != NO_PASSWORD
            if not has_password and not await known.count(user_id) and not await Passkeys(session).of(user_id):
                raise LastWayIn
            await Audit(session).note(actor.tenant_id, "auth.identity_unlinked", by=actor, target=name)
            await self._tell_of_way_in(session, "way_in_removed", member[0], provider.title, tenant_id=actor.tenant_id)

    def _client(self, name: str) -> OidcClient:
        if name not in self._clients:
            raise UnknownProvider(name=name)
        return self._clients[name]

    async def _start(self, client: OidcClient, browser: SecretStr | None, actor: Actor | None, *, return_to: Page | None) -> OidcStart:
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        # several tabs of one browser are on their way at once: what it was given before serves them all
        bound = browser.get_secret_value() if browser is not None else secrets.token_urlsafe(32)
        try:
            address = await client.authorization_url(state=state, nonce=nonce, verifier=verifier)
        except Unreachable as error:
            raise self._unavailable(client, error) from error
        moment, state_hash = now(), sha256(state.encode()).digest()
        row = OidcFlowRow(
            state_hash=state_hash,
            browser_hash=sha256(bound.encode()).digest(),
            provider=client.name,
            sealed=self._means.vault.close(orjson.dumps([nonce, verifier]).decode(), of=_owner(state_hash)),
            tenant_id=None if actor is None else actor.tenant_id,
            session_id=None if actor is None else actor.session_id,
            return_to=return_to,
            ends_at=moment + BACK_WITHIN,
        )
        async with self._across_tenants.writing() as session:
            await Flows(session).add(row, at=moment)
        return OidcStart(authorization_url=address, browser=bound)

    async def _brought_back(self, client: OidcClient, answer: ProviderAnswer, browser: SecretStr | None) -> OidcFlowRow:
        """Return what this browser was sent for, once. Raises OidcRefused."""
        state = (answer.state or "").encode("utf-8", "replace")
        async with self._across_tenants.writing() as session:
            flow = await Flows(session).take(sha256(state).digest(), at=now())
        if flow is None or flow.provider != client.name or browser is None:
            raise self._refused(client, "no such state")
        given = sha256(browser.get_secret_value().encode("utf-8", "replace")).digest()
        if not hmac.compare_digest(given, flow.browser_hash):
            raise self._refused(client, "another browser")
        return flow

    async def _said(self, client: OidcClient, flow: OidcFlowRow, answer: ProviderAnswer) -> IdClaims:
        """Return whom the provider vouches for. Raises OidcRefused, ProviderUnavailable."""
        nonce, verifier = orjson.loads(self._means.vault.open(flow.sealed, of=_owner(flow.state_hash)))
        try:
            await client.require_own(answer.iss)
            if answer.error is not None or not answer.code:
                raise self._refused(client, "the provider says no")
            return await client.person(answer.code, verifier=verifier, nonce=nonce)
        except Unreachable as error:
            raise self._unavailable(client, error) from error
        except (NotAccepted, BadIdToken) as error:
            raise self._refused(client, str(error)) from error

    async def _arrival(self, session: Transaction, provider: OidcClient, said: IdClaims, client: Client) -> Arrival:
        known, moment = KnownIdentities(session), now()
        found = await known.find(provider.issuer, said.sub)
        if found is not None:
            row, user = found
            row.last_used_at = moment
        else:
            user = await self._newcomer(session, provider, said, client)
            await known.add(_row(provider, said, user), name=provider.name)
        if user.disabled_at is not None:
            raise self._refused(provider, "disabled")
        arrival = await self._come_in(session, user, client, methods=(FEDERATED,))
        if found is None:
            tenant_id = arrival.tenant.id
            await Audit(session).note(tenant_id, "auth.identity_linked", user_id=user.id, target=provider.name, client=client)
            if user.created_at < moment:
                await self._tell_of_way_in(session, "way_in_added", user, provider.title, tenant_id=tenant_id)
        return arrival

    async def _newcomer(self, session: Transaction, provider: OidcClient, said: IdClaims, client: Client) -> UserRow:
        """Return the account of whom nobody has seen come from this provider: one of the same e-mail, or a new one."""
        email = _verified_email(said)
        if email is None:
            raise EmailUnverified(name=provider.title)
        user = await People(session).by_email(email)
        if user is None:
            return await self._registered(session, provider, email, said=said, client=client)
        is_guarded = await Codes(session).totp(user.id) is not None or bool(await Passkeys(session).of(user.id))
        # an address that nobody has verified may have been registered by somebody who waits for its owner to come
        if user.kind != PERSON or user.email_verified_at is None or is_guarded:
            raise LinkRequired(name=provider.name)
        return user

    async def _registered(self, session: Transaction, provider: OidcClient, email: str, *, said: IdClaims, client: Client) -> UserRow:
        if not self._settings.registration_open:
            raise RegistrationClosed
        people, moment = People(session), now()
        full_name = _full_name(said) or email.partition("@")[0]
        user = await people.add(email=email, full_name=full_name, password_hash=NO_PASSWORD, at=moment)
        user.email_verified_at = moment
        tenant = await people.found(full_name, user, at=moment)
        await Audit(session).note(tenant.id, "auth.registered", user_id=user.id, client=client, by_provider=provider.name)
        names = {"email": email, "full_name": full_name, "company_name": tenant.name}
        await publish(session, UserRegistered(tenant_id=tenant.id, user_id=user.id, **names))
        return user

    async def _link(self, provider: OidcClient, flow: OidcFlowRow, said: IdClaims, client: Client) -> Identity:
        """Link an account for the person whose session asked for it, if it still stands."""
        if flow.tenant_id is None or flow.session_id is None:
            raise InvalidToken
        async with self._across_tenants.writing() as session:
            standing = await Sessions(session).standing(flow.tenant_id, flow.session_id)
            member = None if standing is None else await People(session).member(flow.tenant_id, standing.user_id)
            if member is None:
                raise InvalidToken
            known, user = KnownIdentities(session), member[0]
            found = await known.find(provider.issuer, said.sub)
            if found is not None and found[1].id == user.id:
                return self._identity(found[0])
            row = _row(provider, said, user)
            await known.add(row, name=provider.name)
            await Audit(session).note(flow.tenant_id, "auth.identity_linked", user_id=user.id, target=provider.name, client=client)
            await self._tell_of_way_in(session, "way_in_added", user, provider.title, tenant_id=flow.tenant_id)
        return self._identity(row)

    def _identity(self, row: IdentityRow) -> Identity:
        name = next((client.name for client in self._clients.values() if client.issuer == row.issuer), row.issuer)
        return Identity(provider=name, email=row.email, linked_at=row.linked_at, last_used_at=row.last_used_at)

    def _refused(self, client: OidcClient, reason: str) -> OidcRefused:
        log.info("auth.oidc_refused", provider=client.name, reason=reason)
        return OidcRefused()

    def _unavailable(self, client: OidcClient, error: Unreachable) -> ProviderUnavailable:
        log.warning("auth.provider_unavailable", provider=client.name, reason=str(error))
        return ProviderUnavailable(name=client.title, retry_after_s=5)


def _row(provider: OidcClient, said: IdClaims, user: UserRow) -> IdentityRow:
    return IdentityRow(issuer=provider.issuer, subject=said.sub, user_id=user.id, email=_verified_email(said), linked_at=now())


def _owner(state_hash: bytes) -> str:
    return f"oidc flow {state_hash.hex()}"


def _verified_email(said: IdClaims) -> str | None:
    """Return the address that the provider vouches for, as ours are spelt."""
    try:
        return _email.validate_python(said.email) if said.email_verified else None
    except ValidationError:
        return None


def _full_name(said: IdClaims) -> str | None:
    try:
        return _name.validate_python(said.name)
    except ValidationError:
        return None
