"""Second factors as a person meets them, over REST alone."""

from typing import Any

import httpx2

from tests.acceptance.people import PASSWORD, Person
from tests.auth.factors.authenticator import Authenticator
from tests.auth.factors.codes import App


async def sign_in(converto: httpx2.AsyncClient, person: Person, **more: Any) -> httpx2.Response:
    return await converto.post("/auth/login", json={"email": person.email, "password": PASSWORD, **more})


async def test_a_person_sets_an_app_up_signs_in_with_it_and_removes_it(converto: httpx2.AsyncClient, aino: Person) -> None:
    app = App((await aino.ask("POST", "/auth/mfa/totp")).json()["secret"])
    confirmed = await aino.ask("POST", "/auth/mfa/totp/confirm", json={"code": app.code().get_secret_value()})
    assert confirmed.status_code == 200, confirmed.text
    assert len(confirmed.json()["recovery_codes"]) == 10

    missing = await sign_in(converto, aino)
    wrong = await sign_in(converto, aino, otp="000000")
    right = await sign_in(converto, aino, otp=app.next().get_secret_value())

    assert (missing.status_code, missing.json()["code"]) == (401, "auth.otp_required")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "auth.wrong_otp")
    assert right.status_code == 200, right.text
    assert (await aino.ask("DELETE", "/auth/mfa/totp")).status_code == 204
    assert (await sign_in(converto, aino)).status_code == 200


async def test_a_person_signs_in_by_a_passkey(converto: httpx2.AsyncClient, aino: Person) -> None:
    device = Authenticator()
    options = (await aino.ask("POST", "/auth/passkeys/options")).json()["public_key"]
    body = {"name": "Puhelin", "credential": device.made(options).model_dump()}
    added = await aino.ask("POST", "/auth/passkeys", json=body)
    assert added.status_code == 201, added.text

    asked = (await converto.post("/auth/passkeys/login/options")).json()["public_key"]
    signed_in = await converto.post("/auth/passkeys/login", json={"credential": device.signed(asked).model_dump()})

    assert signed_in.status_code == 200, signed_in.text
    assert signed_in.json()["user"]["email"] == aino.email
    assert [passkey["name"] for passkey in (await aino.get("/auth/passkeys")).json()["items"]] == ["Puhelin"]
    assert (await aino.ask("DELETE", f"/auth/passkeys/{added.json()['id']}")).status_code == 204


async def test_a_person_proves_again_who_they_are(aino: Person) -> None:
    wrong = await aino.ask("POST", "/auth/step-up", json={"password": "neljä sinistä penkkiä 82"})
    right = await aino.ask("POST", "/auth/step-up", json={"password": PASSWORD})

    assert (wrong.status_code, wrong.json()["code"]) == (401, "auth.wrong_credentials")
    assert (right.status_code, right.json()["methods"]) == (200, ["pwd"])
