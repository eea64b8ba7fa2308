"""A browser's session and the letters around it, behind the real edge, with events that move by themselves."""

import asyncio
import re
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import httpx2
import pytest

from converto.app import create_app, migrate
from converto.kernel.config import Environment, Settings
from tests.auth.rest import LOGIN, REGISTRATION

OURS = "https://converto.test"
BROWSER = {"x-converto-session": "cookie", "origin": OURS}
NEW_PASSWORD = "neljä sinistä penkkiä 82"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the data folder that the tests of this file share."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
async def http(data: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a browser, more or less, where somebody has registered."""
    settings = Settings(data_dir=data, environment=Environment.TEST, modules=("gateway", "auth"), public_url=OURS)
    await migrate(settings)
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url=OURS, headers=BROWSER) as client:
            assert (await client.post("/auth/register", json=REGISTRATION)).status_code == 201
            yield client


async def newest_token(data: Path, prefix: str) -> str:
    """Return what the newest letter carries, once it has come."""
    async with asyncio.timeout(20):
        while True:
            for file in sorted((data / "mail").glob("*.eml"), reverse=True):
                letter: Any = message_from_bytes(file.read_bytes(), policy=default)
                found = re.search(rf"https://converto\.test/\S+#token=({prefix}\S+)", letter.get_body(("plain",)).get_content())
                if found:
                    return found[1]
            await asyncio.sleep(0.02)


async def test_a_browser_comes_in_by_its_cookies_goes_on_and_leaves(http: httpx2.AsyncClient) -> None:
    assert (await http.post("/auth/login", json=LOGIN)).status_code == 200

    assert (await http.get("/auth/me")).json()["user"]["email"] == LOGIN["email"]
    assert (await http.post("/auth/refresh")).status_code == 200
    assert (await http.get("/auth/me")).status_code == 200
    assert (await http.post("/auth/logout")).status_code == 204
    assert (await http.get("/auth/me")).status_code == 401


async def test_a_forgotten_password_is_reset_by_what_the_letter_brings_by_itself(http: httpx2.AsyncClient, data: Path) -> None:
    login = {**LOGIN, "email": "forgetful@example.fi"}
    assert (await http.post("/auth/register", json={**REGISTRATION, "email": login["email"]})).status_code == 201
    assert (await http.post("/auth/password/forgot", json={"email": login["email"]})).status_code == 202

    token = await newest_token(data, "cvp_")
    answer = await http.post("/auth/password/reset", json={"token": token, "new_password": NEW_PASSWORD})

    assert answer.status_code == 200, answer.text
    assert (await http.post("/auth/login", json={**login, "password": NEW_PASSWORD})).status_code == 200
    assert (await http.post("/auth/login", json=login)).status_code == 401


async def test_the_host_that_a_request_was_sent_to_is_in_no_letter(http: httpx2.AsyncClient, data: Path) -> None:
    http.cookies.clear()
    sent, said = {**REGISTRATION, "email": "boris@example.fi"}, {"host": "evil.test", "origin": "https://evil.test"}
    assert (await http.post("/auth/register", json=sent, headers=said)).status_code == 201

    token = await newest_token(data, "cvv_")

    assert token.startswith("cvv_")
    assert not [file for file in (data / "mail").glob("*.eml") if b"evil.test" in file.read_bytes()]
