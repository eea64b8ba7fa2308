"""Decides which passkeys are kept and taken."""

import os
from datetime import timedelta
from hashlib import sha256
from typing import Final, Literal
from uuid import UUID

import structlog

from converto.auth.audit.repository import Audit
from converto.auth.desk import Arrival, Desk, Means, person
from converto.auth.factors.ceremonies import CHALLENGE_BYTES, Ceremonies, Refused, challenge_in, decoded_or_nothing, encoded, party
from converto.auth.factors.interface import (
    Assertion,
    BadPasskey,
    NewPasskey,
    Passkey,
    PasskeyOptions,
    Passkeys,
    TooManyPasskeys,
    UnknownPasskey,
    WrongPasskey,
)
from converto.auth.factors.models import ChallengeRow, PasskeyRow
from converto.auth.factors.repository import Passkeys as KeptPasskeys
from converto.auth.models import UserRow
from converto.auth.people import Client, InvalidToken, SignedIn
from converto.auth.repository import People
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id, now
from converto.kernel.database import Transaction

PARTY_NAME: Final = "Converto"
CHALLENGE_FOR: Final = timedelta(minutes=5)
MOST_PASSKEYS: Final = 20
Purpose = Literal["register", "sign_in", "step_up"]
log = structlog.get_logger()


class PasskeyDesk(Desk):
    """Passkeys: kept, listed, removed, and taken in the place of a password and a code."""

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        settings = self._settings
        whom = party(PARTY_NAME, means.public_url, rp_id=settings.passkey_rp_id, origins=settings.passkey_origins)
        self._ceremonies = Ceremonies(whom)

    async def passkey_options(self, actor: Actor) -> PasskeyOptions:
        """Return what a browser makes a passkey with."""
        user_id, session_id = person(actor)
        async with self._database.writing() as session:
            await self._require_fresh(session, actor)
            user = await member_of(session, actor)
            known = [row.credential_id for row in await KeptPasskeys(session).of(user_id)]
            _require_room(known)
            challenge = await _challenge(session, "register", session_id)
        options = self._ceremonies.creation_options(
            challenge, user_handle=user_id.bytes, email=user.email, full_name=user.full_name, known=known
        )
        return PasskeyOptions(public_key=options)

    async def add_passkey(self, actor: Actor, passkey: NewPasskey) -> Passkey:
        """Keep a passkey that was made with the options."""
        user_id, session_id = person(actor)
        async with self._database.writing() as session:
            await self._require_fresh(session, actor)
        try:
            challenge = challenge_in(passkey.credential.response.clientDataJSON)
            await self._answered(challenge, "register", session_id)
            made = await self._ceremonies.registered(passkey.credential, challenge)
        except Refused as refusal:
            log.info("auth.passkey_refused", user_id=str(user_id), reason=_reason(refusal))
            raise BadPasskey from refusal
        row = PasskeyRow(
            id=new_id(),
            user_id=user_id,
            credential_id=made.credential_id,
            public_key=made.public_key,
            sign_count=made.sign_count,
            name=passkey.name,
            is_synced=made.is_synced,
            created_at=now(),
        )
        async with self._database.writing() as session:
            kept = KeptPasskeys(session)
            _require_room([each.credential_id for each in await kept.of(user_id)])
            await kept.add(row)
            await Audit(session).note(actor.tenant_id, "auth.passkey_added", by=actor, target=row.id, name=row.name)
            user = await member_of(session, actor)
            await self._tell_of_way_in(session, "way_in_added", user, f"passkey ({row.name})", tenant_id=actor.tenant_id)
        return _passkey(row)

    async def passkeys(self, actor: Actor) -> Passkeys:
        """Return the passkeys of the actor's person."""
        user_id, _ = person(actor)
        async with self._database.reading() as session:
            return Passkeys(items=tuple(_passkey(row) for row in await KeptPasskeys(session).of(user_id)))

    async def remove_passkey(self, actor: Actor, passkey_id: UUID) -> None:
        """Take a passkey no longer."""
        user_id, _ = person(actor)
        async with self._database.writing() as session:
            await self._require_fresh(session, actor)
            if not await KeptPasskeys(session).remove(user_id, passkey_id):
                raise UnknownPasskey(passkey_id=passkey_id)
            await Audit(session).note(actor.tenant_id, "auth.passkey_removed", by=actor, target=passkey_id)
            await self._tell_of_way_in(session, "way_in_removed", await member_of(session, actor), "passkey", tenant_id=actor.tenant_id)

    async def passkey_sign_in_options(self) -> PasskeyOptions:
        """Return what a browser signs in by passkey with, whoever it is."""
        async with self._across_tenants.writing() as session:
            challenge = await _challenge(session, "sign_in", None)
        return PasskeyOptions(public_key=self._ceremonies.request_options(challenge))

    async def step_up_options(self, actor: Actor) -> PasskeyOptions:
        """Return what a browser asks one of the actor's passkeys with."""
        user_id, session_id = person(actor)
        async with self._database.writing() as session:
            allowed = [row.credential_id for row in await KeptPasskeys(session).of(user_id)]
            challenge = await _challenge(session, "step_up", session_id)
        return PasskeyOptions(public_key=self._ceremonies.request_options(challenge, allowed=allowed))

    async def sign_in_by_passkey(self, credential: Assertion, client: Client) -> SignedIn:
        """Sign in the person whose passkey this is."""
        try:
            user_id, methods = await self._asserted(credential, purpose="sign_in", session_id=None)
            arrival = await self._arrive(user_id, credential, client, methods)
        except WrongPasskey:
            await self._note_refusal(credential, client)
            raise
        return await self._welcome(arrival)

    async def _arrive(self, user_id: UUID, credential: Assertion, client: Client, methods: tuple[str, ...]) -> Arrival:
        async with self._across_tenants.writing() as session:
            found = await KeptPasskeys(session).by_credential(decoded_or_nothing(credential.id))
            if found is None or found[1].id != user_id or found[1].disabled_at is not None:
                raise WrongPasskey
            return await self._come_in(session, found[1], client, methods=methods)

    async def _note_refusal(self, credential: Assertion, client: Client) -> None:
        """Count that a passkey was refused, and note it in the audit log of its owner's company: a copy of a device shows itself so."""
        async with self._across_tenants.writing() as session:
            found = await KeptPasskeys(session).by_credential(decoded_or_nothing(credential.id))
            place = None if found is None else await People(session).last_company(found[1].id)
            if found is not None and place is not None:
                row, user = found
                await Audit(session).note(place[0].id, "auth.sign_in_failed", user_id=user.id, target=row.id, client=client, what="passkey")
        self._means.figures.refused("passkey")

    async def _asserted(self, assertion: Assertion, *, purpose: Purpose, session_id: UUID | None) -> tuple[UUID, tuple[str, ...]]:
        """Return whose passkey has signed what was asked, and the methods that this proves. Raises WrongPasskey."""
        try:
            challenge = challenge_in(assertion.response.clientDataJSON)
            await self._answered(challenge, purpose, session_id)
            row, user = await self._known(assertion, must_say_whose=purpose == "sign_in")
            count = await self._ceremonies.sign_count(assertion, challenge, public_key=row.public_key, sign_count=row.sign_count)
            await self._use(row, count)
        except Refused as refusal:
            log.info("auth.passkey_refused", purpose=purpose, reason=_reason(refusal))
            raise WrongPasskey from refusal
        return user.id, ("swk" if row.is_synced else "hwk", "mfa")

    async def _use(self, row: PasskeyRow, sign_count: int) -> None:
        async with self._across_tenants.writing() as session:
            if not await KeptPasskeys(session).use(row, sign_count=sign_count, at=now()):
                raise Refused

    async def _known(self, assertion: Assertion, *, must_say_whose: bool) -> tuple[PasskeyRow, UserRow]:
        async with self._across_tenants.reading() as session:
            found = await KeptPasskeys(session).by_credential(decoded_or_nothing(assertion.id))
        if found is None:
            raise Refused
        whose = assertion.response.userHandle
        if whose != encoded(found[1].id.bytes) and (must_say_whose or whose is not None):
            raise Refused
        return found

    async def _answered(self, challenge: bytes, purpose: Purpose, session_id: UUID | None) -> None:
        """Take a challenge, once and for good, whatever becomes of its answer. Raises Refused."""
        async with self._across_tenants.writing() as session:
            taken = await KeptPasskeys(session).use_challenge(sha256(challenge).digest(), purpose, session_id=session_id, at=now())
        if not taken:
            raise Refused


async def member_of(session: Transaction, actor: Actor) -> UserRow:
    """Return the actor's person. Raises InvalidToken for one who has left the company."""
    user_id, _ = person(actor)
    member = await People(session).member(actor.tenant_id, user_id)
    if member is None:
        raise InvalidToken
    return member[0]


async def _challenge(session: Transaction, purpose: Purpose, session_id: UUID | None) -> bytes:
    challenge, moment = os.urandom(CHALLENGE_BYTES), now()
    row = ChallengeRow(challenge_hash=sha256(challenge).digest(), purpose=purpose, session_id=session_id, ends_at=moment + CHALLENGE_FOR)
    await KeptPasskeys(session).challenge(row, at=moment)
    return challenge


def _require_room(kept: list[bytes]) -> None:
    if len(kept) >= MOST_PASSKEYS:
        raise TooManyPasskeys(most=MOST_PASSKEYS)


def _reason(refusal: Refused) -> str:
    return type(refusal.__cause__).__name__ if refusal.__cause__ is not None else "not what was asked"


def _passkey(row: PasskeyRow) -> Passkey:
    return Passkey(id=row.id, name=row.name, is_synced=row.is_synced, created_at=row.created_at, last_used_at=row.last_used_at)
