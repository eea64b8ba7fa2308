"""Decides what proves who somebody is, beside a password."""

import structlog
from pydantic import SecretStr

from converto.auth.audit.repository import Audit
from converto.auth.desk import FRESH_FOR, person
from converto.auth.factors import recovery, totp
from converto.auth.factors.interface import (
    Assertion,
    Factors,
    MfaState,
    NothingProved,
    NoTotp,
    OtpRequired,
    Proof,
    Proved,
    RecoveryCodes,
    TotpInUse,
    TotpSetUp,
    WrongCode,
    WrongOtp,
    WrongPasskey,
)
from converto.auth.factors.models import TotpRow
from converto.auth.factors.passkeys import PasskeyDesk, member_of
from converto.auth.factors.repository import Codes, Passkeys
from converto.auth.factors.second_step import SecondStep, owner
from converto.auth.models import SessionRow, UserRow
from converto.auth.people import Client, InvalidToken, WrongCredentials
from converto.auth.refresh_tokens import hash_of, new_token
from converto.auth.repository import Sessions
from converto.auth.roles import Role
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.database import Transaction, after_commit

ISSUER = "Converto"
"""What an authenticator app shows."""
APP = "TOTP"
"""What letters call an authenticator app, in whatever language."""
log = structlog.get_logger()


class FactorsDesk(PasskeyDesk, Factors):
    """Authenticator apps, recovery codes, passkeys, and proving again who one is."""

    async def mfa(self, actor: Actor) -> MfaState:
        """Return what the actor's person has set up."""
        user_id, _ = person(actor)
        async with self._database.reading() as session:
            codes = Codes(session)
            row = await codes.totp(user_id)
            return MfaState(
                totp=row is not None and row.confirmed_at is not None,
                recovery_codes_left=await codes.recovery_codes_left(user_id),
                passkeys=len(await Passkeys(session).of(user_id)),
            )

    async def start_totp(self, actor: Actor) -> TotpSetUp:
        """Make a secret for an authenticator app."""
        user_id, _ = person(actor)
        secret = totp.new_secret()
        await self._means.vault.ready()
        sealed = self._means.vault.close(totp.as_typed(secret), of=owner(user_id))
        async with self._database.writing() as session:
            await self._require_fresh(session, actor)
            user = await member_of(session, actor)
            if not await Codes(session).put_totp(TotpRow(user_id=user_id, sealed=sealed, created_at=now(), last_counter=0)):
                raise TotpInUse
            await Audit(session).note(actor.tenant_id, "auth.totp_started", by=actor)
        address = totp.uri(secret, account=user.email, issuer=ISSUER)
        return TotpSetUp(secret=totp.as_typed(secret), otpauth_uri=address, qr_code=totp.qr_code(address))

    async def confirm_totp(self, actor: Actor, code: SecretStr) -> RecoveryCodes:
        """Ask for codes of the new app from now on."""
        user_id, _ = person(actor)
        async with self._database.writing() as session:
            await self._require_fresh(session, actor)
            codes, step = Codes(session), SecondStep(session, self._means.vault)
            row = await codes.totp(user_id)
            if row is None:
                raise NoTotp
            if row.confirmed_at is not None:
                raise TotpInUse
            if not await step.takes(row, code.get_secret_value()):
                raise WrongCode
            if not await codes.confirm_totp(user_id, at=now()):
                raise TotpInUse
            await Audit(session).note(actor.tenant_id, "auth.totp_added", by=actor)
            await self._tell_of_way_in(session, "way_in_added", await member_of(session, actor), APP, tenant_id=actor.tenant_id)
            return await self._new_recovery_codes(session, actor)

    async def remove_totp(self, actor: Actor) -> None:
        """Ask for no codes any more."""
        user_id, _ = person(actor)
        async with self._database.writing() as session:
            await self._require_fresh(session, actor)
            if not await Codes(session).remove_totp(user_id):
                raise NoTotp
            await Audit(session).note(actor.tenant_id, "auth.totp_removed", by=actor)
            await self._tell_of_way_in(session, "way_in_removed", await member_of(session, actor), APP, tenant_id=actor.tenant_id)

    async def renew_recovery_codes(self, actor: Actor) -> RecoveryCodes:
        """Put new recovery codes in the place of the old ones."""
        user_id, _ = person(actor)
        async with self._database.writing() as session:
            await self._require_fresh(session, actor)
            if not await SecondStep(session, self._means.vault).is_set_up(user_id):
                raise NoTotp
            return await self._new_recovery_codes(session, actor)

    async def _new_recovery_codes(self, session: Transaction, actor: Actor) -> RecoveryCodes:
        user_id, _ = person(actor)
        fresh = recovery.new_codes()
        hashes = [found for code in fresh if (found := recovery.hash_of(user_id, code)) is not None]
        await Codes(session).replace_recovery_codes(user_id, hashes)
        await Audit(session).note(actor.tenant_id, "auth.recovery_codes_made", by=actor)
        return RecoveryCodes(recovery_codes=fresh)

    async def step_up(self, actor: Actor, proof: Proof, client: Client) -> Proved:
        """Note that the person has proved again who they are."""
        user_id, _ = person(actor)
        async with self._database.reading() as session:
            user = await member_of(session, actor)
            asked_for_code = await SecondStep(session, self._means.vault).is_set_up(user_id)
        if proof.password is None and proof.passkey is None and (proof.otp is None or not asked_for_code):
            raise NothingProved
        if asked_for_code and proof.otp is None and proof.passkey is None:
            raise OtpRequired
        try:
            return await self._shown(actor, proof, user, client)
        except (WrongCredentials, WrongOtp, WrongPasskey) as refusal:
            async with self._database.writing() as session:
                await Audit(session).note(actor.tenant_id, "auth.step_up_failed", by=actor, client=client, what=refusal.code)
            raise

    async def _shown(self, actor: Actor, proof: Proof, user: UserRow, client: Client) -> Proved:
        """Look at what somebody shows. Raises WrongCredentials, WrongOtp, WrongPasskey."""
        if proof.passkey is not None:
            methods = await self._by_passkey(actor, proof.passkey)
            async with self._database.writing() as session:
                of, token = await self._proved(session, actor, methods, client)
            return await self._renewed(actor, of, token, methods=methods)
        counted = await self._count_try(user.email, client, session_id=actor.session_id)
        methods = ()
        if proof.password is not None:
            if not await self._is_right(proof.password, user.password_hash, counted):
                raise WrongCredentials
            methods = ("pwd",)
        async with self._database.writing() as session:
            methods += await SecondStep(session, self._means.vault).require(user.id, proof.otp)
            of, token = await self._proved(session, actor, methods, client)
            await self._forgive(session, counted)
        return await self._renewed(actor, of, token, methods=methods)

    async def _by_passkey(self, actor: Actor, assertion: Assertion) -> tuple[str, ...]:
        user_id, session_id = person(actor)
        owner_id, methods = await self._asserted(assertion, purpose="step_up", session_id=session_id)
        if owner_id != user_id:
            raise WrongPasskey
        return methods

    async def _proved(self, session: Transaction, actor: Actor, methods: tuple[str, ...], client: Client) -> tuple[SessionRow, str]:
        """Note the proof in the session, and end the tokens it had: who has stolen one of them has not proved anything."""
        _, session_id = person(actor)
        row = await Sessions(session).get(actor.tenant_id, session_id)
        if row is None:
            raise InvalidToken
        row.proved_at = now()
        row.methods = " ".join(dict.fromkeys([*row.methods.split(), *methods]))[:40]
        token = new_token()
        await Sessions(session).renew(row, token_hash=hash_of(token))
        after_commit(session, lambda: self._standing.forget(session_id))
        await Audit(session).note(actor.tenant_id, "auth.stepped_up", by=actor, client=client, methods=list(methods))
        return row, token

    async def _renewed(self, actor: Actor, of: SessionRow, refresh_token: str, *, methods: tuple[str, ...]) -> Proved:
        tokens = await self._tokens(of, role=Role(actor.role or ""), refresh_token=refresh_token)
        return Proved(methods=methods, proved_at=of.proved_at, good_until=of.proved_at + FRESH_FOR, tokens=tokens)
