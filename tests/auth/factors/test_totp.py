import asyncio
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from converto.auth.account.interface import ForgottenPassword, PasswordReset
from converto.auth.audit.models import AuditRow
from converto.auth.factors.interface import NewPasskey, NoTotp, OtpRequired, TotpInUse, WrongCode, WrongOtp
from converto.auth.factors.models import RecoveryCodeRow, TotpRow
from converto.auth.models import SessionRow
from converto.auth.people import SignedIn, StepUpRequired, WrongCredentials
from converto.auth.sign_in.interface import Credentials
from converto.kernel.clock import now
from converto.kernel.errors import Error
from tests.auth.conftest import CLIENT, PASSWORD, House, opened
from tests.auth.factors.authenticator import Authenticator
from tests.auth.factors.codes import everywhere, set_up
from tests.auth.factors.conftest import Someone

WRONG = SecretStr("neljä sinistä penkkiä 82")


async def login(house: House, email: str, otp: SecretStr | None, *, password: SecretStr = PASSWORD) -> SignedIn:
    return await house.auth.login(Credentials(email=email, password=password, otp=otp), CLIENT)


async def actions(house: House, person: Someone) -> list[str]:
    async with house.database.reading() as session:
        mine = select(AuditRow.action).where(AuditRow.tenant_id == person.actor.tenant_id).order_by(AuditRow.number)
        return [*(await session.scalars(mine)).all()]


async def stale(house: House, person: Someone) -> None:
    """Let somebody's proof of who they are be too old."""
    async with house.database.writing() as session:
        mine = SessionRow.id == person.actor.session_id
        await session.execute(update(SessionRow).where(mine).values(proved_at=now() - timedelta(minutes=6)))


async def test_an_app_is_set_up_by_an_address_a_picture_and_a_secret(house: House, aino: Someone) -> None:
    made = await house.auth.start_totp(aino.actor)

    assert made.otpauth_uri.startswith("otpauth://totp/Converto:")
    assert f"secret={made.secret}" in made.otpauth_uri
    assert made.qr_code.startswith("data:image/svg+xml")
    assert made.secret not in repr(made)


async def test_nobody_is_asked_for_a_code_before_the_app_has_shown_one(house: House, aino: Someone) -> None:
    await house.auth.start_totp(aino.actor)

    await login(house, aino.email, None)
    assert not (await house.auth.mfa(aino.actor)).totp


async def test_with_an_app_the_right_password_alone_is_told_that_a_code_is_missing(house: House, aino: Someone) -> None:
    await set_up(house, aino)

    with pytest.raises(OtpRequired):
        await login(house, aino.email, None)


async def test_with_an_app_a_wrong_password_is_told_nothing_of_codes(house: House, aino: Someone) -> None:
    app = await set_up(house, aino)

    for otp in (None, app.next(), SecretStr("000000")):
        with pytest.raises(WrongCredentials):
            await login(house, aino.email, otp, password=WRONG)


@everywhere
async def test_a_code_is_taken_once(house: House, aino: Someone) -> None:
    app = await set_up(house, aino)
    code = app.next()

    await login(house, aino.email, code)

    with pytest.raises(WrongOtp):
        await login(house, aino.email, code)


async def test_a_code_is_taken_once_by_two_processes(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("shared")
    async with opened(folder, None) as one, opened(folder, None) as two:
        signed_in = await one.register()
        person = Someone(signed_in, await one.auth.authenticate(signed_in.access_token))
        app = await set_up(one, person)
        for code in (app.next(), SecretStr(app.recovery_codes[0])):
            answers = await asyncio.gather(*(login(each, person.email, code) for each in (one, two)), return_exceptions=True)

            assert sorted(type(answer).__name__ for answer in answers) == ["SignedIn", "WrongOtp"]


@everywhere
async def test_of_many_who_send_one_code_at_once_one_comes_in(house: House, aino: Someone) -> None:
    app = await set_up(house, aino)
    code = app.next()

    answers = await asyncio.gather(*(login(house, aino.email, code) for _ in range(4)), return_exceptions=True)

    assert sum(isinstance(answer, SignedIn) for answer in answers) == 1
    assert all(isinstance(answer, SignedIn | Error) for answer in answers)


async def test_the_code_that_confirmed_the_app_is_taken_nowhere_else(house: House, aino: Someone) -> None:
    app = await set_up(house, aino)

    with pytest.raises(WrongOtp):
        await login(house, aino.email, app.confirmed_by)


@pytest.mark.parametrize("steps", [-3, 3, 100])
async def test_codes_of_other_times_are_refused(house: House, aino: Someone, steps: int) -> None:
    app = await set_up(house, aino)

    with pytest.raises(WrongOtp):
        await login(house, aino.email, app.code(steps))


async def test_another_persons_code_is_refused(house: House, aino: Someone, boris: Someone) -> None:
    await set_up(house, aino)
    other = await set_up(house, boris)

    for code in (other.next(), SecretStr(other.recovery_codes[0])):
        with pytest.raises(WrongOtp):
            await login(house, aino.email, code)


async def test_wrong_codes_count_as_failures_of_the_account(house: House, aino: Someone) -> None:
    app = await set_up(house, aino)

    codes: list[str] = []
    for _ in range(8):
        with pytest.raises(Error) as refusal:
            await login(house, aino.email, SecretStr("000000"))
        codes.append(refusal.value.code)

    assert codes[0] == "auth.wrong_otp"
    assert codes[-1] == "auth.too_many_failures"
    with pytest.raises(Error, match="try again"):
        await login(house, aino.email, app.next())
    async with house.database.reading() as session:
        mine = select(AuditRow.facts).where(AuditRow.tenant_id == aino.actor.tenant_id, AuditRow.action == "auth.sign_in_failed")
        assert {"what": "otp"} in (await session.scalars(mine)).all()


@everywhere
async def test_a_recovery_code_takes_the_place_of_the_app_once_however_it_is_typed(house: House, aino: Someone) -> None:
    app = await set_up(house, aino)
    code = app.recovery_codes[3]

    await login(house, aino.email, SecretStr(code.upper().replace("-", " ")))

    with pytest.raises(WrongOtp):
        await login(house, aino.email, SecretStr(code))
    assert (await house.auth.mfa(aino.actor)).recovery_codes_left == 9


async def test_new_recovery_codes_end_the_old_ones(house: House, aino: Someone) -> None:
    app = await set_up(house, aino)

    fresh = await house.auth.renew_recovery_codes(aino.actor)

    assert len(set(fresh.recovery_codes) | set(app.recovery_codes)) == 20
    with pytest.raises(WrongOtp):
        await login(house, aino.email, SecretStr(app.recovery_codes[0]))
    await login(house, aino.email, SecretStr(fresh.recovery_codes[0]))


async def test_without_an_app_there_is_nothing_to_confirm_remove_or_recover(house: House, aino: Someone) -> None:
    for refused in (
        house.auth.confirm_totp(aino.actor, SecretStr("000000")),
        house.auth.remove_totp(aino.actor),
        house.auth.renew_recovery_codes(aino.actor),
    ):
        with pytest.raises(NoTotp):
            await refused


async def test_a_wrong_first_code_confirms_nothing(house: House, aino: Someone) -> None:
    await house.auth.start_totp(aino.actor)

    with pytest.raises(WrongCode):
        await house.auth.confirm_totp(aino.actor, SecretStr("0"))

    await login(house, aino.email, None)


@everywhere
async def test_an_app_in_use_has_to_be_removed_before_another_is_set_up(house: House, aino: Someone) -> None:
    await set_up(house, aino)

    with pytest.raises(TotpInUse):
        await house.auth.start_totp(aino.actor)

    await house.auth.remove_totp(aino.actor)
    await house.auth.start_totp(aino.actor)


async def test_a_removed_app_is_not_asked_for_and_its_recovery_codes_are_gone(house: House, aino: Someone) -> None:
    await set_up(house, aino)

    await house.auth.remove_totp(aino.actor)

    await login(house, aino.email, None)
    assert (await house.auth.mfa(aino.actor)).model_dump() == {"totp": False, "recovery_codes_left": 0, "passkeys": 0}


async def test_what_protects_an_account_is_changed_only_by_who_has_just_proved_who_they_are(house: House, aino: Someone) -> None:
    app = await set_up(house, aino)
    await stale(house, aino)

    for refused in (
        house.auth.start_totp(aino.actor),
        house.auth.confirm_totp(aino.actor, app.next()),
        house.auth.remove_totp(aino.actor),
        house.auth.renew_recovery_codes(aino.actor),
        house.auth.passkey_options(aino.actor),
    ):
        with pytest.raises(StepUpRequired):
            await refused


async def test_neither_the_secret_nor_a_recovery_code_lies_open_in_the_database(house: House, aino: Someone) -> None:
    app = await set_up(house, aino)

    async with house.database.reading() as session:
        row = await session.get(TotpRow, aino.actor.user_id)
        kept = (await session.scalars(select(RecoveryCodeRow.code_hash).where(RecoveryCodeRow.user_id == aino.actor.user_id))).all()

    assert row is not None
    assert app.secret.encode() not in row.sealed
    assert all(code.encode() not in each for code in app.recovery_codes for each in kept)


async def test_each_change_is_in_the_audit_log(house: House, aino: Someone) -> None:
    await set_up(house, aino)
    await house.auth.renew_recovery_codes(aino.actor)
    await house.auth.remove_totp(aino.actor)

    noted = [action for action in await actions(house, aino) if "totp" in action or "recovery" in action]

    assert noted == [
        "auth.totp_started", "auth.totp_added", "auth.recovery_codes_made", "auth.recovery_codes_made", "auth.totp_removed",
    ]  # fmt: skip


async def test_a_letter_tells_when_an_app_or_a_passkey_comes_or_goes(house: House, aino: Someone) -> None:
    await set_up(house, aino)
    await house.auth.remove_totp(aino.actor)
    options = (await house.auth.passkey_options(aino.actor)).public_key
    await house.auth.add_passkey(aino.actor, NewPasskey(name="<b>Puhelin</b> {way}", credential=Authenticator().made(options)))

    texts = [part.get_content() for letter in await house.letters(aino.email) if (part := letter.get_body(("plain",)))]

    assert len([text for text in texts if "lisättiin kirjautumistapa tai sen suojaus: TOTP" in text]) == 1
    assert len([text for text in texts if "poistettiin kirjautumistapa tai sen suojaus: TOTP" in text]) == 1
    assert len([text for text in texts if "passkey (<b>Puhelin</b> {way})" in text]) == 1


async def test_a_reset_password_takes_no_second_factor_away(house: House, aino: Someone) -> None:
    await house.auth.verify_email(await house.mailed_token(aino.email), CLIENT)
    app = await set_up(house, aino)
    await house.auth.forgot_password(ForgottenPassword(email=aino.email), CLIENT)
    await house.auth.reset_password(PasswordReset(token=await house.mailed_token(aino.email), new_password=WRONG), CLIENT)

    with pytest.raises(OtpRequired):
        await login(house, aino.email, None, password=WRONG)

    assert (await login(house, aino.email, app.next(), password=WRONG)).user.email == aino.email
