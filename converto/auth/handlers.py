"""Jobs: what auth does when it hears its own events."""

import structlog

from converto.auth.events import LetterWritten
from converto.auth.service import AuthService

log = structlog.get_logger()


async def send_letter(event: LetterWritten, auth: AuthService) -> None:
    """Send a letter."""
    await auth.postman.send(event.tenant_id, event.letter_id)


async def give_up(event: LetterWritten, _: AuthService, reason: str) -> None:
    """Say that a letter did not go out; it stays, so that an operator may have it tried again."""
    log.error("auth.letter_not_sent", letter_id=str(event.letter_id), reason=reason)
