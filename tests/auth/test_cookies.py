"""Sessions of browsers: tokens in cookies that no script can read, and in no body."""

from collections.abc import AsyncIterator
from http.cookies import SimpleCookie

import httpx2
import pytest

from tests.auth.rest import LOGIN, REGISTRATION, rest

BY_COOKIE = {"x-converto-session": "cookie"}
ACCESS, REFRESH, DEVICE = "__Host-converto", "__Host-converto-refresh", "__Host-converto-device"


@pytest.fixture(scope="module")
async def http(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of auth's REST, where somebody has registered."""
    async with rest(tmp_path_factory.mktemp("data")) as client:
        assert (await client.post("/auth/register", json=REGISTRATION)).status_code == 201
        client.cookies.clear()
        yield client


def cookies_of(answer: httpx2.Response) -> dict[str, SimpleCookie]:
    return {line.partition("=")[0]: SimpleCookie(line) for line in answer.headers.get_list("set-cookie")}


def sent(answer: httpx2.Response) -> dict[str, str]:
    """Return the cookies that a browser would send from now on, as a header."""
    kept = cookies_of(answer)
    return {"cookie": "; ".join(f"{name}={cookie[name].value}" for name, cookie in kept.items())}


async def test_a_browser_gets_its_tokens_in_cookies_that_no_script_reads_and_in_no_body(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/auth/login", json=LOGIN, headers=BY_COOKIE)

    kept = cookies_of(answer)
    assert set(answer.json()) == {"user", "tenant", "expires_in"}
    assert set(kept) == {ACCESS, REFRESH, DEVICE}
    for name, cookie in kept.items():
        said = cookie[name]
        assert (said["secure"], said["httponly"], said["samesite"], said["path"], said["domain"]) == (True, True, "lax", "/", "")
        assert said.value not in answer.text
    assert kept[ACCESS][ACCESS]["max-age"] == "600"


async def test_who_does_not_ask_for_cookies_gets_none(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/auth/login", json=LOGIN)

    assert "set-cookie" not in answer.headers
    assert answer.json()["refresh_token"].startswith("cvr_")


async def test_a_browser_refreshes_by_its_cookie(http: httpx2.AsyncClient) -> None:
    first = await http.post("/auth/login", json=LOGIN, headers=BY_COOKIE)

    answer = await http.post("/auth/refresh", headers={**BY_COOKIE, **sent(first)})

    assert answer.status_code == 200
    assert set(cookies_of(answer)) == {ACCESS, REFRESH}
    assert cookies_of(answer)[REFRESH][REFRESH].value != cookies_of(first)[REFRESH][REFRESH].value
    assert "cvr_" not in answer.text


async def test_the_cookie_alone_refreshes_nothing(http: httpx2.AsyncClient) -> None:
    first = await http.post("/auth/login", json=LOGIN, headers=BY_COOKIE)

    answer = await http.post("/auth/refresh", headers=sent(first))  # as another site's page could have it sent

    assert (answer.status_code, answer.json()["code"]) == (401, "auth.invalid_refresh_token")


async def test_a_known_browser_stays_the_same_device(http: httpx2.AsyncClient) -> None:
    first = await http.post("/auth/login", json=LOGIN, headers=BY_COOKIE)

    again = await http.post("/auth/login", json=LOGIN, headers={**BY_COOKIE, **sent(first)})

    assert cookies_of(again)[DEVICE][DEVICE].value == cookies_of(first)[DEVICE][DEVICE].value


async def test_logging_out_has_the_browser_drop_its_tokens(http: httpx2.AsyncClient) -> None:
    first = await http.post("/auth/login", json=LOGIN, headers=BY_COOKIE)
    bearer = {"authorization": f"Bearer {cookies_of(first)[ACCESS][ACCESS].value}"}

    answer = await http.post("/auth/logout", headers={**BY_COOKIE, **bearer})

    dropped = cookies_of(answer)
    assert answer.status_code == 204
    assert {name: (cookie[name].value, cookie[name]["max-age"]) for name, cookie in dropped.items()} == {
        ACCESS: ("", "0"),
        REFRESH: ("", "0"),
    }


@pytest.mark.parametrize("device", ["", "cvd_nonsense", "x" * 5000, "\x7f"])
async def test_a_device_token_that_is_none_is_as_good_as_none(http: httpx2.AsyncClient, device: str) -> None:
    answer = await http.post("/auth/login", json=LOGIN, headers={"x-converto-device": device})

    assert answer.status_code == 200
    assert answer.json()["device_token"] not in {None, device}
