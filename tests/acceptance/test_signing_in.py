import httpx2
import pytest

from tests.acceptance.people import PASSWORD, Person, is_problem, register, registration

WHO_ASKS = "/auth/me"


async def me(http: httpx2.AsyncClient, tokens: dict[str, str]) -> httpx2.Response:
    return await http.get(WHO_ASKS, headers={"authorization": f"Bearer {tokens['access_token']}"})


async def test_who_registers_is_signed_in_as_the_owner_of_a_company(converto: httpx2.AsyncClient) -> None:
    person = await register(converto)

    answer = await person.get(WHO_ASKS)

    assert answer.status_code == 200
    assert (answer.json()["user"]["email"], answer.json()["role"]) == (person.email, "owner")
    assert answer.json()["tenant"]["name"] == "Lumo Oy"
    assert {"ocr:read", "ocr:write"} <= set(answer.json()["scopes"])


async def test_an_email_registers_once(converto: httpx2.AsyncClient) -> None:
    given = registration()
    await converto.post("/auth/register", json=given)

    answer = await converto.post("/auth/register", json={**given, "email": given["email"].upper()})

    assert is_problem(answer, 409, "auth.email_taken")


@pytest.mark.in_processes
async def test_signing_in_gives_tokens_that_work(converto: httpx2.AsyncClient, aino: Person) -> None:
    answer = await converto.post("/auth/login", json={"email": aino.email, "password": PASSWORD})

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert (await me(converto, answer.json())).json()["user"] == aino.signed_in["user"]


async def test_a_wrong_password_and_an_unknown_email_get_the_same_answer(converto: httpx2.AsyncClient, aino: Person) -> None:
    wrong = await converto.post("/auth/login", json={"email": aino.email, "password": "wrong wrong wrong"})
    unknown = await converto.post("/auth/login", json={"email": f"x{aino.email}", "password": "wrong wrong wrong"})

    assert is_problem(wrong, 401, "auth.wrong_credentials")
    told = [{name: value for name, value in answer.json().items() if name != "request_id"} for answer in (wrong, unknown)]
    assert told[0] == told[1]


async def test_a_refresh_token_gives_the_next_pair(converto: httpx2.AsyncClient, aino: Person) -> None:
    answer = await converto.post("/auth/refresh", json={"refresh_token": aino.signed_in["refresh_token"]})

    assert answer.status_code == 200
    assert answer.json()["refresh_token"] != aino.signed_in["refresh_token"]
    assert (await me(converto, answer.json())).status_code == 200


async def test_signing_out_ends_both_tokens(converto: httpx2.AsyncClient, aino: Person) -> None:
    answer = await aino.ask("POST", "/auth/logout")

    assert answer.status_code == 204
    assert is_problem(await aino.get(WHO_ASKS), 401, "auth.invalid_token")
    assert is_problem(await aino.get("/ocr/scans"), 401, "auth.invalid_token")
    refreshed = await converto.post("/auth/refresh", json={"refresh_token": aino.signed_in["refresh_token"]})
    assert is_problem(refreshed, 401, "auth.invalid_refresh_token")


async def test_signing_out_everywhere_ends_every_session(converto: httpx2.AsyncClient, aino: Person) -> None:
    other = (await converto.post("/auth/login", json={"email": aino.email, "password": PASSWORD})).json()

    answer = await aino.ask("POST", "/auth/logout-all")

    assert (answer.status_code, answer.json()) == (200, {"ended": 2})
    assert is_problem(await me(converto, other), 401, "auth.invalid_token")


@pytest.mark.parametrize("token", ["nonsense", "", "a.b.c", "x" * 5000, "eyJhbGciOiJub25lIn0.e30."])
async def test_a_token_that_is_none_answers_401_and_says_what_to_send(converto: httpx2.AsyncClient, token: str) -> None:
    answer = await converto.get("/ocr/scans", headers={"authorization": f"Bearer {token}".strip()})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_changed_signature_answers_401(converto: httpx2.AsyncClient, aino: Person) -> None:
    header, claims, signature = aino.signed_in["access_token"].split(".")
    changed = f"{header}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"

    assert is_problem(await me(converto, {"access_token": changed}), 401, "auth.invalid_token")


async def test_a_weak_password_says_which_field_is_wrong(converto: httpx2.AsyncClient) -> None:
    answer = await converto.post("/auth/register", json={**registration(), "password": "salasana123"})

    assert is_problem(answer, 422, "auth.weak_password")
    assert answer.json()["errors"][0]["pointer"] == "/password"


async def test_a_body_that_does_not_fit_names_every_field(converto: httpx2.AsyncClient) -> None:
    answer = await converto.post("/auth/register", json={"email": "nobody", "password": PASSWORD})

    assert is_problem(answer, 422, "invalid_request")
    assert {error["pointer"] for error in answer.json()["errors"]} == {"/email", "/full_name", "/company_name"}


async def test_the_public_keys_are_there_for_everybody_and_hold_nothing_private(converto: httpx2.AsyncClient) -> None:
    answer = await converto.get("/.well-known/jwks.json")

    assert answer.status_code == 200
    assert all(set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"} for key in answer.json()["keys"])
