from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.auth.rest import LOGIN, REGISTRATION, rest

BODY = REGISTRATION


@pytest.fixture
async def http(data_dir: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of auth's REST."""
    async with rest(data_dir) as client:
        yield client


def bearer(signed_in: dict[str, Any]) -> dict[str, str]:
    return {"authorization": f"Bearer {signed_in['access_token']}"}


async def test_registering_answers_201_with_tokens_person_and_company(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/auth/register", json=BODY)

    assert answer.status_code == 201
    assert set(answer.json()) == {"user", "tenant", "access_token", "refresh_token", "token_type", "expires_in", "device_token"}
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 600)
    assert answer.json()["user"]["email"] == "aino@example.fi"
    assert answer.headers["cache-control"] == "no-store"


async def test_signing_in_answers_200_with_the_same_fields(http: httpx2.AsyncClient) -> None:
    registered = (await http.post("/auth/register", json=BODY)).json()

    answer = await http.post("/auth/login", json={**LOGIN, "otp": None})

    assert answer.status_code == 200
    assert set(answer.json()) == set(registered)
    assert answer.json()["tenant"] == registered["tenant"]


async def test_a_wrong_password_answers_401_as_a_problem(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/auth/login", json={**LOGIN, "password": "wrong wrong wrong"})

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "auth.wrong_credentials"


async def test_an_email_that_is_taken_answers_409(http: httpx2.AsyncClient) -> None:
    await http.post("/auth/register", json=BODY)

    answer = await http.post("/auth/register", json=BODY)

    assert (answer.status_code, answer.json()["code"]) == (409, "auth.email_taken")


async def test_a_weak_password_answers_422_and_names_the_field(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/auth/register", json={**BODY, "password": "salasana123"})

    assert (answer.status_code, answer.json()["code"]) == (422, "auth.weak_password")
    assert answer.json()["errors"][0]["pointer"] == "/password"


async def test_a_bad_body_answers_422_and_never_repeats_the_password(http: httpx2.AsyncClient) -> None:
    bodies: tuple[Any, ...] = (
        {**BODY, "password": "p4ss" * 500},
        {**BODY, "email": "p4ssp4ss"},
        {**BODY, "password": ["p4ssp4ss"]},
        {},
        [],
        None,
        "p4ssp4ss",
    )
    for body in bodies:
        answer = await http.post("/auth/register", json=body)

        assert answer.status_code == 422
        assert "p4ssp4ss" not in answer.text


async def test_half_a_character_answers_422(http: httpx2.AsyncClient) -> None:
    for field in BODY:
        body = (
            "{"
            + ", ".join(f'"{name}": "{chr(92)}ud800aaaaaaaaaaaa"' if name == field else f'"{name}": "{BODY[name]}"' for name in BODY)
            + "}"
        )

        answer = await http.post("/auth/register", content=body.encode(), headers={"content-type": "application/json"})

        assert answer.status_code == 422


async def test_refreshing_answers_the_next_pair(http: httpx2.AsyncClient) -> None:
    registered = (await http.post("/auth/register", json=BODY)).json()

    answer = await http.post("/auth/refresh", json={"refresh_token": registered["refresh_token"]})

    assert answer.status_code == 200
    assert answer.json()["refresh_token"] != registered["refresh_token"]


async def test_a_person_asks_who_they_are(http: httpx2.AsyncClient) -> None:
    registered = (await http.post("/auth/register", json=BODY)).json()

    answer = await http.get("/auth/me", headers=bearer(registered))

    assert answer.status_code == 200
    assert (answer.json()["user"], answer.json()["role"]) == (registered["user"], "owner")


async def test_nobody_and_a_bad_token_are_answered_401(http: httpx2.AsyncClient) -> None:
    for headers in ({}, {"authorization": "Bearer nonsense"}, {"authorization": "Bearer "}):
        answer = await http.get("/auth/me", headers=headers)

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_logging_out_answers_204_and_ends_the_token(http: httpx2.AsyncClient) -> None:
    registered = (await http.post("/auth/register", json=BODY)).json()

    answer = await http.post("/auth/logout", headers=bearer(registered))

    assert (answer.status_code, answer.content) == (204, b"")
    assert (await http.get("/auth/me", headers=bearer(registered))).status_code == 401


async def test_logging_out_everywhere_says_how_many_sessions_ended(http: httpx2.AsyncClient) -> None:
    registered = (await http.post("/auth/register", json=BODY)).json()
    await http.post("/auth/login", json=LOGIN)

    answer = await http.post("/auth/logout-all", headers=bearer(registered))

    assert (answer.status_code, answer.json()) == (200, {"ended": 2})


async def test_anybody_may_read_the_public_keys(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/.well-known/jwks.json")

    assert answer.status_code == 200
    assert {key["alg"] for key in answer.json()["keys"]} == {"ES256"}
    assert "max-age" in answer.headers["cache-control"]


async def test_a_person_sees_and_ends_their_sessions(http: httpx2.AsyncClient) -> None:
    registered = (await http.post("/auth/register", json=BODY)).json()
    await http.post("/auth/login", json=LOGIN, headers={"user-agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0"})

    listed = (await http.get("/auth/sessions", headers=bearer(registered))).json()
    other = next(item for item in listed["items"] if not item["is_current"])
    ended = await http.delete(f"/auth/sessions/{other['id']}", headers=bearer(registered))
    again = await http.delete(f"/auth/sessions/{other['id']}", headers=bearer(registered))

    assert (other["device"], listed["next_cursor"]) == ("Firefox, Linux", None)
    assert (ended.status_code, again.status_code, again.json()["code"]) == (204, 404, "auth.unknown_session")


async def test_a_password_is_changed_forgotten_and_not_reset_by_a_guess(http: httpx2.AsyncClient) -> None:
    registered = (await http.post("/auth/register", json=BODY)).json()
    change = {"current_password": BODY["password"], "new_password": "neljä sinistä penkkiä 82"}

    changed = await http.post("/auth/password/change", json=change, headers=bearer(registered))
    wrong = await http.post("/auth/password/change", json=change, headers=bearer(registered))
    forgot = [await http.post("/auth/password/forgot", json={"email": email}) for email in (BODY["email"], "nobody@example.fi")]
    guessed = await http.post("/auth/password/reset", json={"token": "cvp_guess", "new_password": "viisi keltaista lamppua 83"})

    assert (changed.status_code, changed.json()) == (200, {"ended": 0})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "auth.wrong_password")
    assert [(answer.status_code, answer.content) for answer in forgot] == [(202, b"")] * 2
    assert (guessed.status_code, guessed.json()["code"]) == (422, "auth.invalid_mailed_token")


async def test_a_person_changes_their_name_and_asks_for_another_address(http: httpx2.AsyncClient) -> None:
    registered = (await http.post("/auth/register", json=BODY)).json()

    answer = await http.patch("/auth/me", json={"full_name": "Aino Uusi", "email": "uusi@example.fi"}, headers=bearer(registered))
    resent = await http.post("/auth/email/verify/resend", headers=bearer(registered))
    verified = await http.post("/auth/email/verify", json={"token": "cvv_guess"})

    assert (answer.json()["user"]["full_name"], answer.json()["user"]["email"]) == ("Aino Uusi", BODY["email"])
    assert (resent.status_code, verified.status_code) == (202, 422)
