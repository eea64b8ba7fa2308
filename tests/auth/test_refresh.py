import asyncio
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from converto.auth.models import RefreshTokenRow, SessionRow, UserRow
from converto.auth.people import InvalidRefreshToken, InvalidToken, SignedIn
from converto.auth.refresh_tokens import hash_of, new_token, seal, unseal
from converto.kernel.clock import now
from tests.auth.conftest import PASSWORD, House, secret, told


async def used_long_ago(house: House, token: SecretStr) -> None:
    """Have a refresh token have been used longer ago than the grace lasts."""
    async with house.database.writing() as session:
        mine = RefreshTokenRow.token_hash == hash_of(token.get_secret_value())
        await session.execute(update(RefreshTokenRow).where(mine).values(used_at=now() - timedelta(seconds=11)))


async def test_a_refresh_token_gives_the_next_pair(house: House) -> None:
    first = await house.register()

    second = await house.auth.refresh(secret(first))
    third = await house.auth.refresh(secret(second))

    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert (await house.auth.authenticate(third.access_token)).user_id == first.user.id


async def test_two_tabs_that_refresh_at_once_get_the_same_successor(house: House) -> None:
    first = await house.register()

    answers = await asyncio.gather(*(house.auth.refresh(secret(first)) for _ in range(8)))

    assert len({answer.refresh_token for answer in answers}) == 1
    assert (await house.auth.refresh(secret(answers[0]))).user == first.user


async def test_refreshing_and_logging_out_at_once_ends_in_being_out(house: House) -> None:
    first = await house.register()
    actor = await house.auth.authenticate(first.access_token)

    answers = await asyncio.gather(
        *(house.auth.refresh(secret(first)) for _ in range(5)),
        house.auth.logout(actor),
        *(house.auth.refresh(secret(first)) for _ in range(5)),
        return_exceptions=True,
    )

    refreshed = [answer for answer in answers if isinstance(answer, SignedIn)]
    assert all(answer is None or isinstance(answer, SignedIn | InvalidRefreshToken) for answer in answers)
    for signed_in in refreshed:
        with pytest.raises(InvalidToken):
            await house.auth.authenticate(signed_in.access_token)


async def test_the_grace_holds_after_the_successor_was_used(house: House) -> None:
    first = await house.register()
    second = await house.auth.refresh(secret(first))
    await house.auth.refresh(secret(second))

    again = await house.auth.refresh(secret(first))

    assert again.refresh_token == second.refresh_token


async def test_a_refresh_token_that_comes_back_late_ends_the_session_for_all(house: House) -> None:
    first = await house.register()
    second = await house.auth.refresh(secret(first))
    await used_long_ago(house, secret(first))

    with pytest.raises(InvalidRefreshToken):
        await house.auth.refresh(secret(first))

    with pytest.raises(InvalidRefreshToken):
        await house.auth.refresh(secret(second))
    with pytest.raises(InvalidToken):
        await house.auth.authenticate(second.access_token)
    assert await told(house) == ["auth.user.registered", "auth.session.revoked"]


async def test_a_stolen_session_leaves_the_others_alone(house: House) -> None:
    stolen = await house.register("aino@example.fi")
    other = await house.login("aino@example.fi")
    await house.auth.refresh(secret(stolen))
    await used_long_ago(house, secret(stolen))
    with pytest.raises(InvalidRefreshToken):
        await house.auth.refresh(secret(stolen))

    assert (await house.auth.refresh(secret(other))).user == stolen.user


async def test_a_refresh_token_that_was_never_given_is_refused(house: House) -> None:
    for token in ("", "cvr_", "nonsense", "cvr_" + "A" * 43, "\x00", "ä" * 200):
        with pytest.raises(InvalidRefreshToken):
            await house.auth.refresh(SecretStr(token))


@pytest.mark.parametrize("field", ["refreshed_at", "ends_at"])
async def test_a_session_that_rested_or_lasted_too_long_is_over(house: House, field: str) -> None:
    first = await house.register()
    async with house.database.writing() as session:
        await session.execute(update(SessionRow).values({field: now() - timedelta(days=15)}))

    with pytest.raises(InvalidRefreshToken):
        await house.auth.refresh(secret(first))


async def test_the_database_holds_no_token_and_no_password(house: House) -> None:
    first = await house.register()
    second = await house.auth.refresh(secret(first))

    async with house.database.reading() as session:
        rows = [*(await session.scalars(select(RefreshTokenRow))), *(await session.scalars(select(UserRow)))]
    kept = repr([vars(row) for row in rows])

    assert not [text for text in (first.refresh_token, second.refresh_token, PASSWORD.get_secret_value()) if text in kept]


def test_every_refresh_token_is_new_and_long() -> None:
    tokens = {new_token() for _ in range(100)}

    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {47}


def test_a_successor_is_read_with_its_own_token_and_no_other() -> None:
    token, successor = new_token(), new_token()

    sealed = seal(token, successor)

    assert unseal(token, sealed) == successor
    assert unseal(new_token(), sealed) is None
    assert successor.encode() not in sealed
