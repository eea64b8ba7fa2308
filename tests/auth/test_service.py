import asyncio
import base64
import json
from datetime import timedelta
from uuid import uuid4

import argon2
import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from converto.auth.models import MembershipRow, SessionRow, SignInFailureRow, UserRow
from converto.auth.people import EmailTaken, InvalidRefreshToken, InvalidToken, SignedIn, TooManyFailures, WeakPassword, WrongCredentials
from converto.auth.roles import Role, scopes
from converto.auth.sign_in.interface import Registration
from converto.auth.throttle import mark, network_of
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.errors import Forbidden
from tests.auth.conftest import CLIENT, PASSWORD, House, secret, told

WRONG = SecretStr("neljä sinistä penkkiä 82")


async def test_who_registers_owns_the_company_and_is_signed_in(house: House) -> None:
    signed_in = await house.register("aino@example.fi")

    actor = await house.auth.authenticate(signed_in.access_token)

    assert (actor.user_id, actor.tenant_id, actor.role) == (signed_in.user.id, signed_in.tenant.id, "owner")
    assert actor.scopes == scopes(Role.OWNER)
    assert (signed_in.user.email, signed_in.tenant.name, signed_in.expires_in) == ("aino@example.fi", "Lumo Oy", 600)


async def test_a_registration_is_told(house: House) -> None:
    await house.register()

    assert await told(house) == ["auth.user.registered"]


async def test_an_email_is_taken_once_however_it_is_spelt(house: House) -> None:
    await house.register("aino@example.fi")

    with pytest.raises(EmailTaken):
        await house.register(" Aino@Example.FI ")


async def test_of_many_who_register_with_one_email_at_once_one_does(house: House) -> None:
    answers = await asyncio.gather(*(house.register("aino@example.fi") for _ in range(4)), return_exceptions=True)

    assert sum(isinstance(answer, SignedIn) for answer in answers) == 1
    assert sum(isinstance(answer, EmailTaken) for answer in answers) == 3
    assert await told(house) == ["auth.user.registered"]


async def test_a_weak_password_opens_no_account(house: House) -> None:
    with pytest.raises(WeakPassword):
        await house.auth.register(
            Registration(email="a@example.fi", password=SecretStr("salasana123"), full_name="A", company_name="B"), CLIENT
        )

    with pytest.raises(WrongCredentials):
        await house.login("a@example.fi", SecretStr("salasana123"))


async def test_the_right_password_signs_in_and_is_told(house: House) -> None:
    registered = await house.register("aino@example.fi")

    signed_in = await house.login("AINO@example.fi")

    assert (signed_in.user, signed_in.tenant) == (registered.user, registered.tenant)
    assert signed_in.access_token != registered.access_token
    assert await told(house) == ["auth.user.registered", "auth.user.login"]


async def test_a_wrong_password_and_an_unknown_email_are_told_alike(house: House) -> None:
    await house.register("aino@example.fi")

    with pytest.raises(WrongCredentials) as wrong:
        await house.login("aino@example.fi", WRONG)
    with pytest.raises(WrongCredentials) as unknown:
        await house.login("nobody@example.fi", WRONG)

    assert (wrong.value.detail, wrong.value.details) == (unknown.value.detail, unknown.value.details)


async def test_a_disabled_person_neither_signs_in_nor_acts_nor_refreshes(house: House) -> None:
    signed_in = await house.register("aino@example.fi")
    async with house.database.writing() as session:
        await session.execute(update(UserRow).values(disabled_at=now()))

    with pytest.raises(WrongCredentials):
        await house.login("aino@example.fi")
    with pytest.raises(InvalidToken):
        await house.auth.authenticate(signed_in.access_token)
    with pytest.raises(InvalidRefreshToken):
        await house.auth.refresh(secret(signed_in))


async def test_an_old_hash_is_made_anew_at_sign_in(house: House) -> None:
    await house.register("aino@example.fi")
    weaker = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD.get_secret_value())
    async with house.database.writing() as session:
        await session.execute(update(UserRow).values(password_hash=weaker))

    await house.login("aino@example.fi")

    async with house.database.reading() as session:
        assert [kept[:30] for kept in await session.scalars(select(UserRow.password_hash))] == ["$argon2id$v=19$m=19456,t=2,p=1"]


async def failed_before(house: House, email: str, failures: int) -> None:
    """Have so many wrong passwords been tried for an e-mail from one network, the last of them long enough ago."""
    async with house.database.writing() as session:
        before = now() - timedelta(hours=1)
        pair = mark("pair", email, network_of(CLIENT.address))
        await session.merge(SignInFailureRow(account=pair, failures=failures, last_at=before, blocked_until=before))


async def test_five_wrong_passwords_cost_nothing(house: House) -> None:
    await house.register("aino@example.fi")
    for _ in range(5):
        with pytest.raises(WrongCredentials):
            await house.login("aino@example.fi", WRONG)

    await house.login("aino@example.fi")


async def test_after_more_wrong_passwords_even_the_right_one_waits(house: House) -> None:
    await house.register("aino@example.fi")
    await failed_before(house, "aino@example.fi", 12)
    with pytest.raises(WrongCredentials):
        await house.login("aino@example.fi", WRONG)

    with pytest.raises(TooManyFailures) as refused:
        await house.login("aino@example.fi")

    assert 100 < (refused.value.retry_after_s or 0) <= 128


async def test_the_wait_is_the_same_for_an_email_that_nobody_has(house: House) -> None:
    await failed_before(house, "nobody@example.fi", 12)
    with pytest.raises(WrongCredentials):
        await house.login("nobody@example.fi", WRONG)

    with pytest.raises(TooManyFailures) as refused:
        await house.login("nobody@example.fi", WRONG)

    assert 100 < (refused.value.retry_after_s or 0) <= 128


async def test_many_guesses_at_once_are_no_more_than_one_after_another(house: House) -> None:
    await house.register("aino@example.fi")
    await failed_before(house, "aino@example.fi", 12)

    answers = await asyncio.gather(*(house.login("aino@example.fi", WRONG) for _ in range(20)), return_exceptions=True)

    assert sum(isinstance(answer, WrongCredentials) for answer in answers) == 1
    assert sum(isinstance(answer, TooManyFailures) for answer in answers) == 19


async def test_wrong_passwords_of_the_day_before_are_forgotten(house: House) -> None:
    await house.register("aino@example.fi")
    await failed_before(house, "aino@example.fi", 12)
    async with house.database.writing() as session:
        await session.execute(update(SignInFailureRow).values(last_at=now() - timedelta(hours=25)))
    with pytest.raises(WrongCredentials):
        await house.login("aino@example.fi", WRONG)

    await house.login("aino@example.fi")


async def test_the_right_password_takes_the_failures_back_that_are_ones_own(house: House) -> None:
    await house.register("aino@example.fi")
    with pytest.raises(WrongCredentials):
        await house.login("aino@example.fi", WRONG)

    await house.login("aino@example.fi")

    async with house.database.reading() as session:
        kept = {row.account: row.failures for row in await session.scalars(select(SignInFailureRow))}
    assert kept == {mark("network", network_of(CLIENT.address)): 1, mark("all"): 1}


async def test_who_logs_out_is_out_at_once(house: House) -> None:
    signed_in = await house.register()
    actor = await house.auth.authenticate(signed_in.access_token)

    await house.auth.logout(actor)

    with pytest.raises(InvalidToken):
        await house.auth.authenticate(signed_in.access_token)
    with pytest.raises(InvalidRefreshToken):
        await house.auth.refresh(secret(signed_in))
    assert await told(house) == ["auth.user.registered", "auth.session.revoked"]


async def test_logging_out_twice_tells_it_once(house: House) -> None:
    actor = await house.auth.authenticate((await house.register()).access_token)

    await house.auth.logout(actor)
    await house.auth.logout(actor)

    assert await told(house) == ["auth.user.registered", "auth.session.revoked"]


async def test_logging_out_everywhere_ends_every_session_of_ones_own_and_no_other(house: House) -> None:
    first = await house.register("aino@example.fi")
    second = await house.login("aino@example.fi")
    other = await house.register()

    ended = await house.auth.logout_all(await house.auth.authenticate(second.access_token))

    assert ended.ended == 2
    for signed_in in (first, second):
        with pytest.raises(InvalidToken):
            await house.auth.authenticate(signed_in.access_token)
    assert (await house.auth.authenticate(other.access_token)).user_id == other.user.id


async def test_a_person_sees_who_they_are(house: House) -> None:
    signed_in = await house.register()

    me = await house.auth.me(await house.auth.authenticate(signed_in.access_token))

    assert (me.user, me.tenant, me.role) == (signed_in.user, signed_in.tenant, Role.OWNER)
    assert set(me.scopes) == scopes(Role.OWNER)


async def test_a_changed_role_counts_although_the_token_is_old(house: House) -> None:
    signed_in = await house.register()
    async with house.database.writing() as session:
        await session.execute(update(MembershipRow).values(role="viewer"))

    actor = await house.auth.authenticate(signed_in.access_token)

    assert (actor.role, actor.scopes) == ("viewer", scopes(Role.VIEWER))


async def test_a_raised_version_refuses_older_tokens(house: House) -> None:
    signed_in = await house.register()
    async with house.database.writing() as session:
        await session.execute(update(SessionRow).values(version=2))

    with pytest.raises(InvalidToken):
        await house.auth.authenticate(signed_in.access_token)


async def test_what_is_no_person_has_no_session_to_end(house: House) -> None:
    for stranger in (Actor.service(uuid4(), "auth:read"), Actor.service(uuid4(), "auth:self")):
        with pytest.raises(Forbidden):
            await house.auth.logout(stranger)
        with pytest.raises(Forbidden):
            await house.auth.me(stranger)


async def test_an_actor_of_another_company_sees_nobody(house: House) -> None:
    mine = await house.auth.authenticate((await house.register()).access_token)
    theirs = await house.auth.authenticate((await house.register()).access_token)
    crossed = mine.model_copy(update={"tenant_id": theirs.tenant_id})

    with pytest.raises(InvalidToken):
        await house.auth.me(crossed)


async def test_another_companys_actor_ends_no_session(house: House) -> None:
    signed_in = await house.register()
    mine = await house.auth.authenticate(signed_in.access_token)

    await house.auth.logout(mine.model_copy(update={"tenant_id": uuid4()}))

    assert await house.auth.authenticate(signed_in.access_token) == mine


async def test_the_public_keys_hold_the_one_that_signs_and_the_next(house: House) -> None:
    header = (await house.register()).access_token.partition(".")[0]

    public = await house.auth.key_set()

    assert json.loads(base64.urlsafe_b64decode(header + "=="))["kid"] == public.keys[0].kid
    assert len(public.keys) == 2
