"""The routes of companies, API keys and records: what stands on the wire."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
import pytest

from tests.auth.conftest import House
from tests.auth.rest import REGISTRATION, rest

NEWCOMER = {"full_name": "Eino Salo", "password": "kolme vihreää tuolia 81"}


@dataclass(frozen=True)
class Desk:
    """The routes, asked by the owner of a company."""

    http: httpx2.AsyncClient
    house: House
    owner: dict[str, Any]

    async def ask(self, method: str, path: str, json: Any = None, *, token: str | None = None) -> httpx2.Response:
        return await self.http.request(method, path, json=json, headers={"authorization": f"Bearer {token or self.owner['access_token']}"})


@pytest.fixture(scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with rest(tmp_path_factory.mktemp("data")) as http:
        owner = (await http.post("/auth/register", json=REGISTRATION)).json()
        house: House = http._transport.app._app.state.house  # type: ignore[attr-defined]
        yield Desk(http, house, owner)


async def test_the_company_is_shown_and_changed(desk: Desk) -> None:
    changed = await desk.ask("PATCH", "/auth/tenant", {"business_id": "2077474-0"})

    assert changed.status_code == 200
    assert set(changed.json()) == {"id", "name", "business_id", "created_at", "closed_at"}
    assert (await desk.ask("GET", "/auth/tenant")).json()["business_id"] == "2077474-0"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"business_id": "2077474-1"}, "/business_id"),
        ({"name": ""}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"business_id": 7}, "/business_id"),
    ],
)
async def test_what_is_no_name_and_no_business_id_answers_422_and_names_the_field(desk: Desk, body: dict[str, Any], pointer: str) -> None:
    answer = await desk.ask("PATCH", "/auth/tenant", body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_somebody_is_invited_comes_and_is_listed_changed_and_removed(desk: Desk) -> None:
    invited = await desk.ask("POST", "/auth/tenant/invitations", {"email": "eino@example.fi", "role": "viewer"})
    assert invited.status_code == 201
    assert invited.headers["location"] == f"/auth/tenant/invitations/{invited.json()['id']}"
    assert set(invited.json()) == {"id", "email", "role", "invited_by", "invited_at", "ends_at"}
    token = (await desk.house.mailed_token("eino@example.fi")).get_secret_value()
    assert token not in (await desk.ask("GET", "/auth/tenant/invitations")).text

    joined = await desk.http.post("/auth/invitations/accept", json={"token": token, **NEWCOMER})

    assert joined.status_code == 201
    assert set(joined.json()) == {"company", "role", "signed_in"}
    user_id = joined.json()["signed_in"]["user"]["id"]
    members = (await desk.ask("GET", "/auth/tenant/members?limit=200")).json()["items"]
    assert {member["id"]: member["role"] for member in members}[user_id] == "viewer"
    changed = await desk.ask("PATCH", f"/auth/tenant/members/{user_id}", {"role": "accountant"})
    assert (changed.status_code, changed.json()["role"]) == (200, "accountant")
    stale = await desk.ask("GET", "/auth/tenant", token=joined.json()["signed_in"]["access_token"])
    assert (stale.status_code, stale.json()["code"]) == (401, "auth.invalid_token")
    assert (await desk.ask("DELETE", f"/auth/tenant/members/{user_id}")).status_code == 204
    assert (await desk.ask("DELETE", f"/auth/tenant/members/{user_id}")).json()["code"] == "auth.unknown_member"


async def test_a_used_or_made_up_invitation_answers_404_and_an_incomplete_newcomer_409(desk: Desk) -> None:
    await desk.ask("POST", "/auth/tenant/invitations", {"email": "toinen@example.fi"})
    token = (await desk.house.mailed_token("toinen@example.fi")).get_secret_value()

    lacking = await desk.http.post("/auth/invitations/accept", json={"token": token})
    made_up = await desk.http.post("/auth/invitations/accept", json={"token": "cvi_nothing", **NEWCOMER})
    forged = await desk.ask("POST", "/auth/invitations/accept", {"token": token, **NEWCOMER}, token="nonsense")

    assert (lacking.status_code, lacking.json()["code"]) == (409, "auth.account_needed")
    assert (made_up.status_code, made_up.json()["code"]) == (404, "auth.invalid_invitation")
    assert forged.status_code == 401


async def test_the_last_owner_answers_409(desk: Desk) -> None:
    company, user = desk.owner["tenant"]["id"], desk.owner["user"]["id"]

    for method, path, body in (
        ("PATCH", f"/auth/tenant/members/{user}", {"role": "admin"}),
        ("DELETE", f"/auth/tenant/members/{user}", None),
        ("POST", f"/auth/companies/{company}/leave", None),
    ):
        answer = await desk.ask(method, path, body)
        assert (answer.status_code, answer.json()["code"]) == (409, "auth.last_owner")


async def test_a_person_opens_another_company_and_switches_to_it(desk: Desk) -> None:
    signed_in = (await desk.http.post("/auth/register", json={**REGISTRATION, "email": "useampi@example.fi"})).json()
    opened = await desk.ask("POST", "/auth/companies", {"name": "Toinen Oy"}, token=signed_in["access_token"])
    assert (opened.status_code, opened.headers["location"]) == (201, f"/auth/companies/{opened.json()['id']}")

    moved = await desk.ask("POST", f"/auth/companies/{opened.json()['id']}/switch", token=signed_in["access_token"])

    assert moved.status_code == 200
    assert moved.headers["cache-control"] == "no-store"
    mine = (await desk.ask("GET", "/auth/companies", token=moved.json()["access_token"])).json()
    assert {company["name"]: company["is_current"] for company in mine["items"]} == {"Lumo Oy": False, "Toinen Oy": True}


async def test_a_key_is_made_used_rotated_and_revoked(desk: Desk) -> None:
    made = await desk.ask("POST", "/auth/api-keys", {"name": "Kirjaus", "scopes": ["auth:read"]})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    key = made.json()["key"]
    assert made.headers["location"] == f"/auth/api-keys/{made.json()['id']}"
    assert (await desk.ask("GET", "/auth/tenant", token=key)).status_code == 200
    assert (await desk.ask("GET", "/auth/me", token=key)).json()["code"] == "forbidden"
    listed = (await desk.ask("GET", "/auth/api-keys?limit=200")).json()["items"]
    assert all("key" not in each for each in listed)

    rotated = await desk.ask("POST", f"/auth/api-keys/{made.json()['id']}/rotate")

    assert rotated.status_code == 200
    assert rotated.json()["key"] != key
    assert (await desk.ask("GET", "/auth/tenant", token=rotated.json()["key"])).status_code == 200
    assert (await desk.ask("GET", "/auth/tenant", token=key)).status_code == 200
    assert (await desk.ask("DELETE", f"/auth/api-keys/{made.json()['id']}")).status_code == 204
    assert (await desk.ask("GET", "/auth/tenant", token=rotated.json()["key"])).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"name": "K", "scopes": []},
        {"name": "K", "scopes": ["auth:self"]},
        {"name": "K", "scopes": ["ocr:read"], "networks": ["here"]},
        {"name": "K", "scopes": ["ocr:read"], "ends_at": "2020-01-01T00:00:00Z"},
        {"name": "K", "scopes": ["ocr:read"], "ends_at": "0001-01-01T00:00:00+14:00"},
        {"name": "K", "scopes": ["ocr:read"], "ends_at": "9999-12-31T23:59:59-14:00"},
        {"name": "K", "scopes": ["ocr:read"], "ends_at": "2027-01-01T00:00:00"},
        {"scopes": ["ocr:read"]},
    ],
)
async def test_what_makes_no_key_answers_422(desk: Desk, body: dict[str, Any]) -> None:
    assert (await desk.ask("POST", "/auth/api-keys", body)).status_code == 422


async def test_a_service_account_is_made_listed_and_removed(desk: Desk) -> None:
    made = await desk.ask("POST", "/auth/service-accounts", {"name": "Kassa", "role": "member"})
    assert (made.status_code, made.headers["location"]) == (201, f"/auth/service-accounts/{made.json()['id']}")

    assert made.json() in (await desk.ask("GET", "/auth/service-accounts")).json()["items"]
    assert (await desk.ask("DELETE", f"/auth/service-accounts/{made.json()['id']}")).status_code == 204
    assert (await desk.ask("POST", "/auth/service-accounts", {"name": "Kassa", "role": "owner"})).status_code == 422


async def test_the_audit_log_is_paged_and_filtered(desk: Desk) -> None:
    await desk.ask("PATCH", "/auth/tenant", {"name": "Lumo Oy"})
    page = (await desk.ask("GET", f"/auth/audit?limit=1&action=auth.company_changed&user={desk.owner['user']['id']}")).json()

    assert [entry["action"] for entry in page["items"]] == ["auth.company_changed"]
    assert UUID(page["items"][0]["user_id"]) == UUID(desk.owner["user"]["id"])
    later = await desk.ask("GET", "/auth/audit?from=2099-01-01T00:00:00Z")
    assert later.json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    "query",
    ["from=yesterday", "from=2026-11-23T00:00:00", "from=0001-01-01T00:00:00%2B14:00", "to=9999-12-31T23:59:59-14:00",
     "user=me", "action=%00", "action=A B", "cursor=x", "limit=0", "limit=201"],
)  # fmt: skip
async def test_a_wrong_filter_answers_422(desk: Desk, query: str) -> None:
    assert (await desk.ask("GET", f"/auth/audit?{query}")).status_code == 422


async def test_an_account_is_exported_asked_to_be_deleted_and_restored(desk: Desk) -> None:
    given = {**REGISTRATION, "email": "lahtija@example.fi"}
    signed_in = (await desk.http.post("/auth/register", json=given)).json()
    export = await desk.ask("GET", "/auth/me/export", token=signed_in["access_token"])
    assert export.json()["person"]["email"] == "lahtija@example.fi"
    assert export.headers["cache-control"] == "no-store"

    deletion = await desk.ask("DELETE", "/auth/me", token=signed_in["access_token"])

    assert deletion.status_code == 200
    assert set(deletion.json()) == {"deletes_at", "stays"}
    again = (await desk.http.post("/auth/login", json={name: given[name] for name in ("email", "password")})).json()
    assert again["user"]["deletes_at"] == deletion.json()["deletes_at"]
    assert (await desk.ask("GET", "/auth/tenant", token=again["access_token"])).status_code == 403
    restored = await desk.ask("POST", "/auth/me/restore", token=again["access_token"])
    assert (restored.status_code, restored.json()["deletes_at"]) == (200, None)
    assert (await desk.ask("GET", "/auth/tenant", token=again["access_token"])).status_code == 200
