"""The second step of a sign-in."""

from uuid import UUID

from pydantic import SecretStr

from converto.kernel.database import Transaction


async def require_second_step(session: Transaction, user_id: UUID, otp: SecretStr | None) -> tuple[str, ...]:
    """Return the methods beside the password that a person has proved: none for one who has set none up."""
    _ = session, user_id, otp
    return ()
