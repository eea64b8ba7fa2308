from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from converto.auth.audit.models import AuditRow
from converto.auth.factors.interface import NewPasskey, NothingProved, OtpRequired, Proof, WrongOtp, WrongPasskey
from converto.auth.models import SessionRow
from converto.auth.people import InvalidRefreshToken, InvalidToken, StepUpRequired, WrongCredentials
from converto.kernel.clock import now
from tests.auth.conftest import CLIENT, PASSWORD, House
from tests.auth.factors.authenticator import Authenticator
from tests.auth.factors.codes import everywhere, set_up
from tests.auth.factors.conftest import Someone

WRONG = SecretStr("neljä sinistä penkkiä 82")


async def stale(house: House, person: Someone) -> None:
    """Let somebody's proof of who they are be too old."""
    async with house.database.writing() as session:
        mine = SessionRow.id == person.actor.session_id
        await session.execute(update(SessionRow).where(mine).values(proved_at=now() - timedelta(minutes=6)))


async def with_passkey(house: House, person: Someone) -> Authenticator:
    device = Authenticator()
    options = (await house.auth.passkey_options(person.actor)).public_key
    await house.auth.add_passkey(person.actor, NewPasskey(credential=device.made(options)))
    return device


@everywhere
async def test_a_password_proves_who_somebody_is_for_five_minutes(house: House, aino: Someone) -> None:
    await stale(house, aino)

    proved = await house.auth.step_up(aino.actor, Proof(password=PASSWORD), CLIENT)

    assert proved.good_until - proved.proved_at == timedelta(minutes=5)
    await house.auth.start_totp(aino.actor)


async def test_a_step_up_gives_new_tokens_and_ends_the_old_ones(house: House, aino: Someone) -> None:
    signed_in = await house.login(aino.email)
    actor = await house.auth.authenticate(signed_in.access_token)

    tokens = (await house.auth.step_up(actor, Proof(password=PASSWORD), CLIENT)).tokens

    assert tokens is not None
    assert await house.auth.authenticate(tokens.access_token) == actor
    assert (await house.auth.refresh(SecretStr(tokens.refresh_token))).access_token != tokens.access_token
    with pytest.raises(InvalidToken):
        await house.auth.authenticate(signed_in.access_token)
    with pytest.raises(InvalidRefreshToken):
        await house.auth.refresh(SecretStr(signed_in.refresh_token))


async def test_a_wrong_password_proves_nothing(house: House, aino: Someone) -> None:
    await stale(house, aino)

    with pytest.raises(WrongCredentials):
        await house.auth.step_up(aino.actor, Proof(password=WRONG), CLIENT)

    with pytest.raises(StepUpRequired):
        await house.auth.start_totp(aino.actor)
    async with house.database.reading() as session:
        mine = select(AuditRow.facts).where(AuditRow.tenant_id == aino.actor.tenant_id, AuditRow.action == "auth.step_up_failed")
        assert (await session.scalars(mine)).all() == [{"what": "auth.wrong_credentials"}]


async def test_who_has_an_app_is_asked_for_a_code(house: House, aino: Someone) -> None:
    app = await set_up(house, aino)
    await stale(house, aino)

    with pytest.raises(OtpRequired):
        await house.auth.step_up(aino.actor, Proof(password=PASSWORD), CLIENT)
    with pytest.raises(WrongOtp):
        await house.auth.step_up(aino.actor, Proof(password=PASSWORD, otp=SecretStr("000000")), CLIENT)
    with pytest.raises(WrongCredentials):
        await house.auth.step_up(aino.actor, Proof(password=WRONG, otp=app.next()), CLIENT)
    assert (await house.auth.step_up(aino.actor, Proof(otp=app.next()), CLIENT)).methods == ("otp",)


async def test_who_has_lost_the_app_removes_it_by_a_recovery_code(house: House, aino: Someone) -> None:
    app = await set_up(house, aino)
    await stale(house, aino)

    await house.auth.step_up(aino.actor, Proof(otp=SecretStr(app.recovery_codes[0])), CLIENT)
    await house.auth.remove_totp(aino.actor)

    assert not (await house.auth.mfa(aino.actor)).totp


async def test_a_code_that_proved_it_once_proves_it_no_more(house: House, aino: Someone) -> None:
    app = await set_up(house, aino)
    code = app.next()
    await house.auth.step_up(aino.actor, Proof(otp=code), CLIENT)

    with pytest.raises(WrongOtp):
        await house.auth.step_up(aino.actor, Proof(otp=code), CLIENT)


async def test_a_code_proves_nothing_where_there_is_no_app(house: House, aino: Someone) -> None:
    for proof in (Proof(), Proof(otp=SecretStr("123456"))):
        with pytest.raises(NothingProved):
            await house.auth.step_up(aino.actor, proof, CLIENT)


async def test_a_passkey_proves_it_also_where_there_is_an_app(house: House, aino: Someone) -> None:
    device = await with_passkey(house, aino)
    await set_up(house, aino)
    await stale(house, aino)

    options = (await house.auth.step_up_options(aino.actor)).public_key
    proved = await house.auth.step_up(aino.actor, Proof(passkey=device.signed(options)), CLIENT)

    assert len(options["allowCredentials"]) == 1
    assert proved.methods == ("hwk", "mfa")


async def test_a_passkey_of_somebody_else_or_for_a_sign_in_proves_nothing(house: House, aino: Someone, boris: Someone) -> None:
    hers, his = await with_passkey(house, aino), await with_passkey(house, boris)
    await stale(house, aino)

    others = his.signed((await house.auth.step_up_options(aino.actor)).public_key)
    for_sign_in = hers.signed((await house.auth.passkey_sign_in_options()).public_key)
    of_another_session = hers.signed((await house.auth.step_up_options(boris.actor)).public_key)
    for assertion in (others, for_sign_in, of_another_session):
        with pytest.raises(WrongPasskey):
            await house.auth.step_up(aino.actor, Proof(passkey=assertion), CLIENT)

    with pytest.raises(StepUpRequired):
        await house.auth.start_totp(aino.actor)


async def test_one_session_proves_nothing_for_another(house: House, aino: Someone) -> None:
    other = await house.auth.authenticate((await house.login(aino.email)).access_token)
    await stale(house, aino)

    await house.auth.step_up(other, Proof(password=PASSWORD), CLIENT)

    with pytest.raises(StepUpRequired):
        await house.auth.start_totp(aino.actor)


async def test_a_step_up_is_in_the_audit_log(house: House, aino: Someone) -> None:
    await house.auth.step_up(aino.actor, Proof(password=PASSWORD), CLIENT)

    async with house.database.reading() as session:
        mine = select(AuditRow).where(AuditRow.tenant_id == aino.actor.tenant_id).order_by(AuditRow.number.desc()).limit(1)
        last = (await session.scalars(mine)).one()
    assert (last.action, last.facts, last.address) == ("auth.stepped_up", {"methods": ["pwd"]}, "192.0.2.7")
