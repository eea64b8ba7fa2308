"""A browser that goes on in another company."""

from typing import Any

import httpx2

PERSON = {"email": "aino@example.fi", "password": "kolme vihreää tuolia 81", "full_name": "Aino Niemi", "company_name": "Lumo Oy"}


async def test_a_session_in_cookies_stays_in_cookies_when_it_goes_on_in_another_company(fresh: httpx2.AsyncClient) -> None:
    signed_in: dict[str, Any] = (await fresh.post("/auth/register", json=PERSON)).json()
    by_token = {"authorization": f"Bearer {signed_in['access_token']}"}
    opened = (await fresh.post("/auth/companies", json={"name": "Toinen Oy"}, headers=by_token)).json()

    origin = str(fresh.base_url).rstrip("/")
    by_cookie = {"cookie": f"__Host-converto={signed_in['access_token']}", "origin": origin, "sec-fetch-site": "same-origin"}
    moved = await fresh.post(f"/auth/companies/{opened['id']}/switch", headers=by_cookie)

    assert moved.status_code == 200, moved.text
    assert set(moved.json()) == {"user", "tenant", "expires_in"}
    assert {line.partition("=")[0] for line in moved.headers.get_list("set-cookie")} >= {"__Host-converto", "__Host-converto-refresh"}
