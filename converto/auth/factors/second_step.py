"""The second step of a sign-in: a code of the person's app, or a recovery code; each is taken once."""

import re
from uuid import UUID

from pydantic import SecretStr

from converto.auth.factors import recovery
from converto.auth.factors.interface import OtpRequired, WrongOtp
from converto.auth.factors.models import TotpRow
from converto.auth.factors.repository import Codes
from converto.auth.factors.totp import counter_of, secret_of
from converto.auth.vault import Vault
from converto.kernel.clock import now
from converto.kernel.database import Transaction

OTP, RECOVERY = "otp", "kba"
"""As RFC 8176 calls them; it has no name of its own for a recovery code, which is something that a person has kept."""


class SecondStep:
    """Asks for what a person has set up beside their password."""

    def __init__(self, session: Transaction, vault: Vault) -> None:
        self._codes = Codes(session)
        self._vault = vault

    async def is_set_up(self, user_id: UUID) -> bool:
        """Tell whether a person is asked for a code."""
        row = await self._codes.totp(user_id)
        return row is not None and row.confirmed_at is not None

    async def require(self, user_id: UUID, otp: SecretStr | None) -> tuple[str, ...]:
        """Return the methods beside the password that a person has proved: none for one who has set none up.

        Raises OtpRequired where there is no code, and WrongOtp for a wrong one, and for one that was taken before.
        """
        row = await self._codes.totp(user_id)
        if row is None or row.confirmed_at is None:
            return ()
        if otp is None:
            raise OtpRequired
        given = otp.get_secret_value()
        if await self.takes(row, given):
            return (OTP,)
        code_hash = recovery.hash_of(user_id, given)
        if code_hash is not None and await self._codes.use_recovery_code(user_id, code_hash, at=now()):
            return (RECOVERY,)
        raise WrongOtp

    async def takes(self, row: TotpRow, code: str) -> bool:
        """Take a code of an app; False for a wrong one, and for one that was taken before."""
        await self._vault.ready()
        secret = secret_of(self._vault.open(row.sealed, of=owner(row.user_id)))
        counter = counter_of(secret, re.sub(r"\s", "", code), at=now())
        return counter is not None and await self._codes.use_counter(row.user_id, counter)


def owner(user_id: UUID) -> str:
    """Return the name under which a person's secret is sealed."""
    return f"totp {user_id}"
