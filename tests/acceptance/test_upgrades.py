"""What a company has survives an upgrade: laid into the tables of an earlier release, brought up to date, and asked for by REST."""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from converto.commands.audit import verify_logs
from converto.kernel.config import Environment, Settings
from tests.acceptance.conftest import client_of, started
from tests.acceptance.earlier_release import lay, rows_of
from tests.acceptance.people import PASSWORD, Person, register
from tests.ocr.pdfs import pdf_of_text

RECEIPT = [
    ["Lumo Oy", "Y-tunnus 1120389-0", "KUITTI 17", "12.11.2026", "ALV 25,5 %", "Veroton 100,00", "Vero 25,50", "YHTEENSÄ 125,50 EUR"]
]
LINE = {"treatment": "domestic_purchase", "rate": "25.5", "net": "100.00"}
GROUP = {"consumer_group": "books", "consumer_name": "one", "stream_names": ["stream:ocr"]}
HOOK = {"url": "https://example.com/hook", "event_types": ["ocr.scan.completed"]}


async def test_what_was_kept_by_an_earlier_release_is_found_after_the_upgrade(
    tmp_path: Path, places: tuple[str | None, str | None]
) -> None:
    before, after = (
        Settings(environment=Environment.TEST, data_dir=tmp_path / name, database_url=SecretStr(url) if url else None)
        for name, url in zip(("before", "after"), places, strict=True)
    )
    async with started(before) as app, client_of(app) as http:
        person = await register(http)
        await _work(person)
        had = await _sees(person)
    rows = await rows_of(before)
    shutil.copytree(before.data_dir, after.data_dir, ignore=shutil.ignore_patterns("*.db", "*.db-*"))

    held = await lay(after, rows)

    async with started(after) as app, client_of(app) as http:
        again = Person(http, person.email, await _signed_in(http, person.email))
        for who in (again, Person(http, person.email, person.signed_in)):
            assert await _sees(who) == had
        assert (await again.read(pdf_of_text([["KUITTI", "2"]]), "second.pdf"))["status"] == "completed"
    assert await asyncio.to_thread(verify_logs, after, None) == 0
    assert min(held[name] for name in ("auth", "ocr", "vat", "webhooks", "billing")) > 0


@pytest.fixture(params=["sqlite", "postgres"])
def places(request: pytest.FixtureRequest) -> Any:
    """Return where the databases of today and those of the earlier release lie: None means files."""
    if request.param == "sqlite":
        return None, None
    return request.getfixturevalue("postgres_url"), request.getfixturevalue("empty_postgres_url")


async def _work(person: Person) -> None:
    """Have something of everything."""
    scan = await person.read(pdf_of_text(RECEIPT), "receipt.pdf")
    answers = [
        await person.ask("PATCH", f"/ocr/scans/{scan['id']}/fields", json={"vendor": "Lumo"}),
        await person.ask("POST", "/vat/vouchers", json={"document_date": "2026-01-20", "lines": [LINE]}),
        await person.ask("POST", "/events/webhooks", json=HOOK),
        await person.ask("POST", "/events/subscribe", json=GROUP),
        await person.ask("POST", "/auth/api-keys", json={"name": "Till", "scopes": ["ocr:read"]}),
        await person.ask("PUT", "/ocr/options", json={"ai_assist": False}),
    ]
    assert [answer.status_code for answer in answers] == [200, 201, 201, 201, 201, 200], [answer.text for answer in answers]


async def _sees(person: Person) -> Mapping[str, Any]:
    """Return what the company is shown, by where."""
    (scan,) = [one for one in (await person.get("/ocr/scans")).json()["items"] if one["filename"] == "receipt.pdf"]
    paths = [
        "/auth/me", "/auth/tenant", "/auth/tenant/members", "/auth/api-keys",
        f"/ocr/scans/{scan['id']}", f"/ocr/scans/{scan['id']}/text", f"/ocr/scans/{scan['id']}/original", "/ocr/scans?q=Lumo",
        "/vat/vouchers", "/events/webhooks", "/events/subscriptions", "/billing/entitlements",
    ]  # fmt: skip
    answers = {path: await person.get(path) for path in paths}
    assert {answer.status_code for answer in answers.values()} == {200}, {path: answer.status_code for path, answer in answers.items()}
    return {path: answer.content for path, answer in answers.items()}


async def _signed_in(http: httpx2.AsyncClient, email: str) -> dict[str, Any]:
    answer = await http.post("/auth/login", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told
