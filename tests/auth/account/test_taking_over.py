"""An account that a stranger has opened with somebody's address is that somebody's alone once they take it over."""

from pydantic import SecretStr
from sqlalchemy import func, select, update

from converto.auth.account.interface import ForgottenPassword, PasswordReset
from converto.auth.api_keys.interface import NewApiKey
from converto.auth.api_keys.models import ApiKeyRow
from converto.auth.models import UserRow
from converto.auth.people import SignedIn
from converto.kernel.clock import now
from tests.auth.conftest import CLIENT, House

NEW_PASSWORD = SecretStr("seitsemän hidasta mäyrää 46")


async def with_a_key(house: House) -> SignedIn:
    signed_in = await house.register()
    actor = await house.auth.authenticate(signed_in.access_token)
    await house.auth.make_api_key(actor, NewApiKey(name="Kirjaus", scopes=("ocr:read",)))
    return signed_in


async def taken_over(house: House, email: str) -> None:
    await house.auth.forgot_password(ForgottenPassword(email=email), CLIENT)
    token = await house.mailed_token(email)
    await house.auth.reset_password(PasswordReset(token=token, new_password=NEW_PASSWORD), CLIENT)


async def keys_of(house: House, signed_in: SignedIn) -> int:
    async with house.database.reading() as session:
        counted = select(func.count()).select_from(ApiKeyRow).where(ApiKeyRow.user_id == signed_in.user.id)
        return await session.scalar(counted) or 0


async def test_whatever_else_lets_in_goes_where_the_address_was_never_verified(shared: House) -> None:
    planted = await with_a_key(shared)

    await taken_over(shared, planted.user.email)

    assert await keys_of(shared, planted) == 0
    assert (await shared.login(planted.user.email, NEW_PASSWORD)).tenant == planted.tenant


async def test_it_stays_where_the_address_was_verified(shared: House) -> None:
    mine = await with_a_key(shared)
    async with shared.database.writing() as session:
        await session.execute(update(UserRow).where(UserRow.id == mine.user.id).values(email_verified_at=now()))

    await taken_over(shared, mine.user.email)

    assert await keys_of(shared, mine) == 1
