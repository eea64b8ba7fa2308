"""What a person does with their own account, asked in both ways and on both databases."""

import asyncio
from datetime import timedelta
from itertools import count
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from converto.auth.account.interface import (
    ForgottenPassword,
    InvalidMailedToken,
    PasswordChange,
    PasswordReset,
    ProfileChange,
    TooManyLetters,
    UnknownPerson,
    UnknownSession,
    WrongPassword,
)
from converto.auth.audit.models import AuditRow
from converto.auth.letters.models import LetterRow, MailedTokenRow
from converto.auth.models import SessionRow, UserRow
from converto.auth.people import (
    Client,
    EmailTaken,
    InvalidRefreshToken,
    InvalidToken,
    SignedIn,
    StepUpRequired,
    TooManyFailures,
    WeakPassword,
    WrongCredentials,
)
from converto.events.tables import outbox
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from tests.auth.conftest import CLIENT, PASSWORD, House, secret

NEW = SecretStr("neljä sinistä penkkiä 82")
WRONG = SecretStr("viisi keltaista lamppua 83")
_numbers = count(1)


async def newcomer(house: House) -> tuple[str, SignedIn, Actor]:
    email = f"newcomer{next(_numbers)}@example.fi"
    signed_in = await house.register(email)
    return email, signed_in, await house.auth.authenticate(signed_in.access_token)


async def noted(house: House, tenant_id: object) -> list[str]:
    async with house.database.reading() as session:
        mine = select(AuditRow.action).where(AuditRow.tenant_id == tenant_id).order_by(AuditRow.number)
        return list(await session.scalars(mine))


async def is_out(house: House, signed_in: SignedIn) -> bool:
    try:
        await house.auth.authenticate(signed_in.access_token)
    except InvalidToken:
        return True
    return False


async def forgotten(house: House, email: str) -> SecretStr:
    await house.auth.forgot_password(ForgottenPassword(email=email), CLIENT)
    return await house.mailed_token(email)


async def test_the_letter_of_a_registration_verifies_the_address_once(shared: House) -> None:
    email, signed_in, actor = await newcomer(shared)
    token = await shared.mailed_token(email)

    verified = await shared.auth.verify_email(token, CLIENT)

    assert (verified.email, signed_in.user.email_verified, (await shared.auth.me(actor)).user.email_verified) == (email, False, True)
    assert await noted(shared, actor.tenant_id) == ["auth.registered", "auth.email_verified"]
    with pytest.raises(InvalidMailedToken):
        await shared.auth.verify_email(token, CLIENT)


async def test_of_many_who_use_a_letter_at_once_one_does(shared: House) -> None:
    email, _, _ = await newcomer(shared)
    token = await shared.mailed_token(email)

    answers = await asyncio.gather(*(shared.auth.verify_email(token, CLIENT) for _ in range(4)), return_exceptions=True)

    assert sum(isinstance(answer, InvalidMailedToken) for answer in answers) == 3


async def test_a_letter_is_good_for_a_day_and_kept_as_a_hash(shared: House) -> None:
    email, signed_in, _ = await newcomer(shared)
    token = await shared.mailed_token(email)
    mine = MailedTokenRow.user_id == signed_in.user.id
    async with shared.database.writing() as session:
        row = (await session.scalars(select(MailedTokenRow).where(mine))).one()
        assert timedelta(hours=23) < row.ends_at - now() <= timedelta(hours=24)
        assert token.get_secret_value().encode() not in row.token_hash
        row.ends_at = now()

    with pytest.raises(InvalidMailedToken):
        await shared.auth.verify_email(token, CLIENT)


async def test_the_letter_is_sent_again_a_few_times(shared: House) -> None:
    email, _, actor = await newcomer(shared)
    for _ in range(4):
        await shared.auth.resend_verification(actor, CLIENT)

    with pytest.raises(TooManyLetters):
        await shared.auth.resend_verification(actor, CLIENT)

    assert len(await shared.letters(email)) == 5


async def test_who_is_verified_is_sent_no_more(shared: House) -> None:
    email, _, actor = await newcomer(shared)
    await shared.auth.verify_email(await shared.mailed_token(email), CLIENT)

    await shared.auth.resend_verification(actor, CLIENT)

    assert len(await shared.letters(email)) == 1


async def test_a_person_sees_their_sessions_and_which_one_this_is(shared: House) -> None:
    email, _, _ = await newcomer(shared)
    phone = Client(address="2001:db8::7", user_agent="Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/605.1.15")
    second = await shared.login(email)
    await shared.register()
    actor = await shared.auth.authenticate(second.access_token)
    async with shared.database.writing() as session:
        named = {"address": phone.address, "user_agent": phone.user_agent}
        await session.execute(update(SessionRow).where(SessionRow.id == actor.session_id).values(**named))

    found = (await shared.auth.sessions(actor)).items

    assert [(item.device, item.address, item.is_current) for item in found] == [
        ("Safari, iPhone", "2001:db8::7", True),
        ("a", CLIENT.address, False),
    ]
    assert {item.tenant.name for item in found} == {"Lumo Oy"}
    assert found[0].methods == ("pwd",)


async def test_a_person_ends_a_session_of_theirs(shared: House) -> None:
    email, first, actor = await newcomer(shared)
    second = await shared.login(email)
    other = await shared.auth.authenticate(second.access_token)

    await shared.auth.end_session(other, actor.session_id or uuid4())

    assert (await is_out(shared, first), await is_out(shared, second)) == (True, False)
    assert len((await shared.auth.sessions(other)).items) == 1
    assert "auth.session_revoked" in await noted(shared, other.tenant_id)
    with pytest.raises(InvalidRefreshToken):
        await shared.auth.refresh(secret(first))


async def test_nobody_ends_a_session_of_somebody_else(shared: House) -> None:
    _, mine, actor = await newcomer(shared)
    _, _, stranger = await newcomer(shared)
    for session_id in (actor.session_id or uuid4(), uuid4()):
        with pytest.raises(UnknownSession):
            await shared.auth.end_session(stranger, session_id)

    assert not await is_out(shared, mine)


async def test_a_changed_password_ends_the_other_sessions_and_is_told(shared: House) -> None:
    email, first, _ = await newcomer(shared)
    second = await shared.login(email)
    actor = await shared.auth.authenticate(second.access_token)

    ended = await shared.auth.change_password(actor, PasswordChange(current_password=PASSWORD, new_password=NEW), CLIENT)

    assert (ended.ended, await is_out(shared, first), await is_out(shared, second)) == (1, True, False)
    assert (await shared.letters(email))[-1]["subject"] == "Salasanasi on vaihdettu"
    assert "auth.password_changed" in await noted(shared, actor.tenant_id)
    with pytest.raises(WrongCredentials):
        await shared.login(email)
    assert (await shared.login(email, NEW)).user.email == email


async def test_a_password_is_changed_by_who_knows_the_old_one_and_to_a_good_one(shared: House) -> None:
    email, _, actor = await newcomer(shared)

    with pytest.raises(WrongPassword):
        await shared.auth.change_password(actor, PasswordChange(current_password=WRONG, new_password=NEW), CLIENT)
    for weak in ("salasana123", "lyhyt", f"{email} on hyvä", "lumo on oikein hyvä"):
        with pytest.raises(WeakPassword) as refused:
            await shared.auth.change_password(actor, PasswordChange(current_password=PASSWORD, new_password=SecretStr(weak)), CLIENT)
        assert refused.value.details["errors"][0]["pointer"] == "/new_password"

    assert "auth.password_change_failed" in await noted(shared, actor.tenant_id)
    await shared.login(email)


async def test_guesses_in_a_session_are_counted_by_it_whatever_strangers_do(shared: House) -> None:
    email, _, actor = await newcomer(shared)
    for _ in range(6):
        with pytest.raises(WrongCredentials):
            await shared.login(email, WRONG)
    with pytest.raises(TooManyFailures):
        await shared.login(email)

    for _ in range(6):
        with pytest.raises(WrongPassword):
            await shared.auth.change_password(actor, PasswordChange(current_password=WRONG, new_password=NEW), CLIENT)
    with pytest.raises(TooManyFailures):
        await shared.auth.change_password(actor, PasswordChange(current_password=PASSWORD, new_password=NEW), CLIENT)


async def test_a_forgotten_password_is_reset_by_letter_once(shared: House) -> None:
    email, first, actor = await newcomer(shared)
    token = await forgotten(shared, email)

    done = await shared.auth.reset_password(PasswordReset(token=token, new_password=NEW), CLIENT)

    assert (done.ended, await is_out(shared, first)) == (1, True)
    assert done.device_token.startswith("cvd_")
    assert (await shared.login(email, NEW)).user.email_verified
    assert "auth.password_reset" in await noted(shared, actor.tenant_id)
    with pytest.raises(InvalidMailedToken):
        await shared.auth.reset_password(PasswordReset(token=token, new_password=WRONG), CLIENT)


async def test_a_weak_password_does_not_use_the_letter_up(shared: House) -> None:
    email, _, _ = await newcomer(shared)
    token = await forgotten(shared, email)
    with pytest.raises(WeakPassword):
        await shared.auth.reset_password(PasswordReset(token=token, new_password=SecretStr("salasana123")), CLIENT)

    await shared.auth.reset_password(PasswordReset(token=token, new_password=NEW), CLIENT)


async def test_a_letter_for_one_purpose_is_good_for_no_other(shared: House) -> None:
    email, _, _ = await newcomer(shared)
    verification, reset = await shared.mailed_token(email), await forgotten(shared, email)

    with pytest.raises(InvalidMailedToken):
        await shared.auth.reset_password(PasswordReset(token=verification, new_password=NEW), CLIENT)
    with pytest.raises(InvalidMailedToken):
        await shared.auth.verify_email(reset, CLIENT)


async def test_an_unknown_address_is_sent_nothing_and_told_the_same(shared: House) -> None:
    for email in ("nobody@example.fi", (await newcomer(shared))[0]):
        assert await shared.auth.forgot_password(ForgottenPassword(email=email), CLIENT) is None  # type: ignore[func-returns-value]

    assert await shared.letters("nobody@example.fi") == []


async def test_nobodys_mailbox_is_flooded(shared: House) -> None:
    email, _, _ = await newcomer(shared)
    for _ in range(7):
        await shared.auth.forgot_password(ForgottenPassword(email=email), CLIENT)

    assert len([letter for letter in await shared.letters(email) if letter["subject"] == "Aseta uusi salasana"]) == 5


async def test_another_address_is_taken_once_its_letter_is_answered(shared: House) -> None:
    old, _, actor = await newcomer(shared)
    reset = await forgotten(shared, old)
    new = f"new-{old}"

    me = await shared.auth.change_profile(actor, ProfileChange(email=new, full_name="Aino Uusi"), CLIENT)
    assert (me.user.email, me.user.full_name) == (old, "Aino Uusi")
    await shared.auth.verify_email(await shared.mailed_token(new), CLIENT)

    moved = (await shared.auth.me(actor)).user
    assert (moved.email, moved.email_verified) == (new, True)
    subjects = [letter["subject"] for letter in await shared.letters(old)]
    assert subjects[-2:] == ["Sähköpostiosoitteesi halutaan vaihtaa", "Sähköpostiosoitteesi on vaihdettu"]
    with pytest.raises(InvalidMailedToken):  # whoever still reads the old mailbox resets nothing
        await shared.auth.reset_password(PasswordReset(token=reset, new_password=NEW), CLIENT)


async def test_another_address_needs_a_fresh_proof_and_a_name_none(shared: House) -> None:
    email, _, actor = await newcomer(shared)
    async with shared.database.writing() as session:
        stale = now() - timedelta(minutes=6)
        await session.execute(update(SessionRow).where(SessionRow.id == actor.session_id).values(proved_at=stale))

    with pytest.raises(StepUpRequired):
        await shared.auth.change_profile(actor, ProfileChange(email="other@example.fi"), CLIENT)

    assert (await shared.auth.change_profile(actor, ProfileChange(full_name="Aino Uusi"), CLIENT)).user.email == email


async def test_an_address_that_somebody_has_is_not_taken_from_them(shared: House) -> None:
    taken, _, _ = await newcomer(shared)
    _, _, actor = await newcomer(shared)
    await shared.auth.change_profile(actor, ProfileChange(email=taken), CLIENT)

    with pytest.raises(EmailTaken):
        await shared.auth.verify_email(await shared.mailed_token(taken), CLIENT)


async def test_whom_an_operator_disables_is_out_until_enabled(shared: House) -> None:
    email, signed_in, actor = await newcomer(shared)

    assert (await shared.auth.disable_user(email)).ended == 1

    assert await is_out(shared, signed_in)
    with pytest.raises(WrongCredentials):
        await shared.login(email)
    await shared.auth.forgot_password(ForgottenPassword(email=email), CLIENT)
    assert [letter["subject"] for letter in await shared.letters(email)] == ["Vahvista sähköpostiosoitteesi"]
    await shared.auth.enable_user(email)
    assert (await shared.login(email)).user.email == email
    assert {"auth.user_disabled", "auth.sign_in_failed", "auth.user_enabled"} <= set(await noted(shared, actor.tenant_id))


async def test_whom_nobody_knows_cannot_be_disabled(shared: House) -> None:
    for ask in (shared.auth.disable_user, shared.auth.enable_user):
        with pytest.raises(UnknownPerson):
            await ask("nobody@example.fi")


async def test_no_password_token_or_address_shows_in_what_waits(shared: House) -> None:
    email, _, _ = await newcomer(shared)
    await shared.auth.forgot_password(ForgottenPassword(email=email), CLIENT)

    async with shared.database.reading() as session:
        kept = [row.sealed for row in await session.scalars(select(LetterRow))]
        told = repr((await session.execute(select(outbox.c.envelope).where(outbox.c.type == "auth.letter.written"))).all())
        people = (await session.scalars(select(UserRow.email))).all()
    assert kept
    assert not [sealed for sealed in kept if b"example.fi" in sealed or b"cvp_" in sealed]
    assert not [word for word in (*people, "cvp_", "cvv_", "#token") if word in told]
