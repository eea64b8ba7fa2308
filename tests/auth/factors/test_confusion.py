"""What proves one thing is taken for no other."""

from typing import Any

import pytest
from pydantic import SecretStr

from converto.auth.factors.interface import Proof, WrongOtp, WrongPasskey
from converto.auth.people import InvalidRefreshToken, InvalidToken
from converto.auth.sign_in.interface import Credentials
from converto.kernel.errors import Error
from tests.auth.conftest import CLIENT, PASSWORD, House
from tests.auth.factors.authenticator import Authenticator
from tests.auth.factors.codes import set_up
from tests.auth.factors.conftest import Someone


async def test_codes_secrets_and_challenges_are_no_tokens(house: House, aino: Someone) -> None:
    app = await set_up(house, aino)
    challenge = str((await house.auth.passkey_sign_in_options()).public_key["challenge"])

    for text in (app.secret, app.next().get_secret_value(), app.recovery_codes[0], challenge, f"cvr_{challenge}"):
        with pytest.raises(InvalidToken):
            await house.auth.authenticate(text)
        with pytest.raises(InvalidRefreshToken):
            await house.auth.refresh(SecretStr(text))


async def test_tokens_secrets_and_challenges_are_no_codes(house: House, aino: Someone) -> None:
    app = await set_up(house, aino)
    challenge = str((await house.auth.passkey_sign_in_options()).public_key["challenge"])

    for text in (aino.signed_in.refresh_token, app.secret, challenge, PASSWORD.get_secret_value(), "", " ", "-" * 16, "٣" * 6):
        with pytest.raises(Error) as refusal:
            await house.auth.login(Credentials(email=aino.email, password=PASSWORD, otp=SecretStr(text)), CLIENT)
        assert refusal.value.code in {WrongOtp.code, "auth.too_many_failures"}


async def test_a_password_is_no_code_and_a_code_no_password(house: House, aino: Someone) -> None:
    app = await set_up(house, aino)

    for password in (app.next(), SecretStr(app.recovery_codes[0])):
        with pytest.raises(Error) as refusal:
            await house.auth.step_up(aino.actor, Proof(password=password, otp=app.next()), CLIENT)
        assert refusal.value.code == "auth.wrong_credentials"


async def test_tokens_and_codes_are_no_challenges(house: House, aino: Someone) -> None:
    app = await set_up(house, aino)
    device = Authenticator()
    options: dict[str, Any] = (await house.auth.passkey_options(aino.actor)).public_key
    device.made(options)

    for text in (aino.signed_in.refresh_token, aino.signed_in.access_token, app.secret, str(options["challenge"])):
        with pytest.raises(WrongPasskey):
            await house.auth.sign_in_by_passkey(device.signed({"rpId": "localhost", "challenge": text}), CLIENT)
