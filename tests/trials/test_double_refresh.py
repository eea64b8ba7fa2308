"""A thousand sessions refreshed twice at the same moment: nobody is logged out within the grace, and who comes later ends the session."""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import update

from converto.auth.models import RefreshTokenRow
from converto.auth.people import InvalidRefreshToken, InvalidToken, SignedIn
from converto.auth.refresh_tokens import hash_of, new_token
from converto.auth.repository import Sessions
from converto.kernel.clock import now
from tests.auth.conftest import CLIENT, House, opened

SESSIONS = 1000
AT_ONCE = 100
"""So many sessions are refreshed at once: two thousand requests together would wait longer than their callers do."""


async def first_tokens(house: House) -> list[SecretStr]:
    """Open the sessions of one person, and return their first refresh tokens."""
    signed_in = await house.register()
    tokens = [new_token() for _ in range(SESSIONS)]
    async with house.database.writing() as session:
        for token in tokens:
            ends_at = now() + timedelta(days=1)
            hashes = {"token_hash": hash_of(token), "client": CLIENT, "ends_at": ends_at, "methods": ("pwd",)}
            await Sessions(session).open(signed_in.tenant.id, signed_in.user.id, **hashes)  # type: ignore[arg-type]
    return [SecretStr(token) for token in tokens]


async def is_refused(house: House, token: SecretStr) -> bool:
    try:
        await house.auth.refresh(token)
    except InvalidRefreshToken:
        return True
    return False


async def is_out(house: House, signed_in: SignedIn) -> bool:
    try:
        await house.auth.authenticate(signed_in.access_token)
    except InvalidToken:
        return True
    return False


@pytest.mark.trials
@pytest.mark.timeout(900)
async def test_a_thousand_double_refreshes_log_nobody_out_and_every_later_replay_ends_its_session(
    data_dir: Path, database_url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVERTO_AUTH_REFRESH_GRACE_S", "60")  # a thousand at once may take longer than ten seconds here
    async with opened(data_dir, database_url) as house:
        tokens = await first_tokens(house)
        began = time.monotonic()
        turns = asyncio.Semaphore(AT_ONCE)

        async def twice(token: SecretStr) -> Sequence[SignedIn | BaseException]:
            async with turns:
                return await asyncio.gather(house.auth.refresh(token), house.auth.refresh(token), return_exceptions=True)

        pairs = await asyncio.gather(*(twice(token) for token in tokens))
        took_s = time.monotonic() - began
        good = [(one, other) for one, other in pairs if isinstance(one, SignedIn) and isinstance(other, SignedIn)]
        same = sum(one.refresh_token == other.refresh_token for one, other in good)
        still_in = sum([not await is_out(house, one) for one, _ in good])

        async with house.database.writing() as session:
            late = now() - timedelta(seconds=61)
            await session.execute(update(RefreshTokenRow).where(RefreshTokenRow.used_at.is_not(None)).values(used_at=late))
        replays_refused = sum([await is_refused(house, token) for token in tokens])
        successors_refused = sum([await is_refused(house, SecretStr(one.refresh_token)) for one, _ in good])
        now_out = sum([await is_out(house, one) for one, _ in good])
    name = "PostgreSQL" if database_url else "SQLite"
    print(
        f"\n{name}: {SESSIONS} double refreshes in {took_s:.1f} s: {len(good)} pairs answered, {same} with "
        f"one successor, {still_in} still in; later: {replays_refused} replays refused, {successors_refused} successors dead, {now_out} out"
    )
    assert len(good) == same == still_in == replays_refused == successors_refused == now_out == SESSIONS
