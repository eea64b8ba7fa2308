"""All SQL of what people prove beside a password."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from converto.auth.factors.interface import PasskeyTaken
from converto.auth.factors.models import ChallengeRow, PasskeyRow, RecoveryCodeRow, TotpRow
from converto.auth.models import UserRow
from converto.kernel.database import changed


class Codes:
    """Authenticator apps and recovery codes."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def totp(self, user_id: UUID) -> TotpRow | None:
        """Return a person's app, confirmed or not."""
        return await self._session.get(TotpRow, user_id)

    async def put_totp(self, row: TotpRow) -> bool:
        """Keep an app that is not confirmed yet, in the place of an older such one; False where one is in use."""
        mine = TotpRow.user_id == row.user_id
        await self._session.execute(delete(TotpRow).where(mine, TotpRow.confirmed_at.is_(None)))
        try:
            async with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError:
            return False
        return True

    async def use_counter(self, user_id: UUID, counter: int) -> bool:
        """Take a code's counter; False where it, or a later one, was taken before, by whatever process."""
        newer = (TotpRow.user_id == user_id) & (TotpRow.last_counter < counter)
        return await changed(self._session, update(TotpRow).where(newer).values(last_counter=counter)) == 1

    async def confirm_totp(self, user_id: UUID, *, at: datetime) -> bool:
        """Have an app be asked for from now on; False where it was confirmed before."""
        waiting = (TotpRow.user_id == user_id) & TotpRow.confirmed_at.is_(None)
        return await changed(self._session, update(TotpRow).where(waiting).values(confirmed_at=at)) == 1

    async def remove_totp(self, user_id: UUID) -> bool:
        """Remove a person's app and their recovery codes; False where there was none in use."""
        await self._session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.user_id == user_id))
        in_use = (TotpRow.user_id == user_id) & TotpRow.confirmed_at.is_not(None)
        return await changed(self._session, delete(TotpRow).where(in_use)) == 1

    async def replace_recovery_codes(self, user_id: UUID, hashes: Iterable[bytes]) -> None:
        """Keep new recovery codes; older ones are good for nothing from now on."""
        await self._session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.user_id == user_id))
        self._session.add_all(RecoveryCodeRow(user_id=user_id, code_hash=each) for each in hashes)
        await self._session.flush()

    async def use_recovery_code(self, user_id: UUID, code_hash: bytes, *, at: datetime) -> bool:
        """Take a recovery code; False where there is none such, or it was taken before."""
        mine = (RecoveryCodeRow.user_id == user_id) & (RecoveryCodeRow.code_hash == code_hash)
        return await changed(self._session, update(RecoveryCodeRow).where(mine, RecoveryCodeRow.used_at.is_(None)).values(used_at=at)) == 1

    async def recovery_codes_left(self, user_id: UUID) -> int:
        """Return how many recovery codes a person has that were not used."""
        mine = select(func.count()).where(RecoveryCodeRow.user_id == user_id, RecoveryCodeRow.used_at.is_(None))
        return int(await self._session.scalar(mine) or 0)


class Passkeys:
    """Passkeys, and what they are asked to sign."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def challenge(self, row: ChallengeRow, *, at: datetime) -> None:
        """Keep a challenge, and forget those that nobody has answered in time."""
        await self._session.execute(delete(ChallengeRow).where(ChallengeRow.ends_at <= at))
        self._session.add(row)
        await self._session.flush()

    async def use_challenge(self, challenge_hash: bytes, purpose: str, *, session_id: UUID | None, at: datetime) -> bool:
        """Take a challenge; False where it was taken before, is too old, or was given for something or somebody else."""
        same_session = ChallengeRow.session_id.is_(None) if session_id is None else ChallengeRow.session_id == session_id
        asked = (ChallengeRow.challenge_hash == challenge_hash) & (ChallengeRow.purpose == purpose) & same_session
        return await changed(self._session, delete(ChallengeRow).where(asked, ChallengeRow.ends_at > at)) == 1

    async def add(self, row: PasskeyRow) -> None:
        """Keep a passkey. Raises PasskeyTaken where somebody has it already."""
        self._session.add(row)
        try:
            await self._session.flush()
        except IntegrityError:
            raise PasskeyTaken from None

    async def of(self, user_id: UUID) -> Sequence[PasskeyRow]:
        """Return a person's passkeys, the oldest first."""
        return (await self._session.scalars(select(PasskeyRow).where(PasskeyRow.user_id == user_id).order_by(PasskeyRow.id))).all()

    async def by_credential(self, credential_id: bytes) -> tuple[PasskeyRow, UserRow] | None:
        """Return a passkey and whose it is."""
        wanted = select(PasskeyRow, UserRow).join(UserRow, UserRow.id == PasskeyRow.user_id)
        row = (await self._session.execute(wanted.where(PasskeyRow.credential_id == credential_id))).one_or_none()
        return None if row is None else (row[0], row[1])

    async def use(self, row: PasskeyRow, *, sign_count: int, at: datetime) -> bool:
        """Note a use; False where the device's counter has not gone up since, in whatever process, or the passkey was removed."""
        has_gone_up = PasskeyRow.sign_count < sign_count if sign_count else PasskeyRow.sign_count == 0
        mine = update(PasskeyRow).where(PasskeyRow.id == row.id, has_gone_up)
        return await changed(self._session, mine.values(sign_count=sign_count, last_used_at=at)) == 1

    async def remove(self, user_id: UUID, passkey_id: UUID) -> bool:
        """Remove a passkey of a person; False where they have no such one."""
        return await changed(self._session, delete(PasskeyRow).where(PasskeyRow.user_id == user_id, PasskeyRow.id == passkey_id)) == 1
