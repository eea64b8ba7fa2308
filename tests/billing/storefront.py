"""The whole product on a port of its own, selling through a fake Stripe that speaks to it over HTTP, with models that cost nothing."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import orjson
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from converto.app import create_app, migrate
from converto.auth.roles import Role
from converto.billing.webhook_signature import signed
from converto.commands.fake_models import FakeModels
from converto.kernel import service_token
from converto.kernel.clock import now
from converto.kernel.config import Environment, Settings
from tests.acceptance.people import Person, register
from tests.ai.house import environment, running, serving
from tests.billing.bank import SECRET, VISA, Bank, bank_open, free_port, sell
from tests.databases import lay_files
from tests.isolation.town import Town

OPERATORS_SECRET = SecretStr("a secret of the tests, long enough")
PATIENCE_S = 20.0


@dataclass(frozen=True)
class Storefront:
    """The product, as people, the operator and Stripe reach it."""

    http: httpx2.AsyncClient
    app: FastAPI
    models: FakeModels
    bank: Bank | None
    mail: Path
    """Where letters lie."""
    owner: Person
    """Somebody with a company of her own."""

    @property
    def company(self) -> UUID:
        """The owner's company."""
        return UUID(self.owner.signed_in["tenant"]["id"])

    async def for_another(self) -> "Storefront":
        """Return the same for somebody new, signed in a moment ago: no password is hashed for each."""
        town = Town(self.app, self.http)
        owner = await town.member(await town.company("Lumo Oy"), Role.OWNER)
        return replace(self, owner=Person(self.http, "", {"access_token": owner.token, "tenant": {"id": str(owner.tenant_id)}}))

    async def mailed_token(self, to: str) -> str:
        """Return what the letter to somebody carries, once it has come."""
        found: list[str] = []

        async def has_come() -> bool:
            letters = [message_from_bytes(file.read_bytes(), policy=default) for file in self.mail.glob("*.eml")]
            texts = [str(one.get_body(("plain",)).get_content()) for one in letters if one["to"] == to]  # type: ignore[union-attr]
            found.extend(match[1] for text in texts if (match := re.search(r"#token=(\S+)", text)))
            return bool(found)

        await eventually(has_come)
        return found[-1]

    async def operate(self, method: str, path: str, **given: Any) -> httpx2.Response:
        """Do what only the operator may do, with the owner's company."""
        token = service_token.mint([OPERATORS_SECRET], "a test", lasts=timedelta(hours=1), at=now(), scopes=service_token.OF_BILLING)
        url = f"/billing/companies/{self.company}{path}"
        return await self.http.request(method, url, headers={"authorization": f"Bearer {token}"}, **given)

    async def agree(self, feature: str, limit: int | None) -> None:
        """Have the operator agree a limit with the owner's company."""
        answer = await self.operate("PUT", f"/overrides/{feature}", json={"limit": limit, "reason": "a test"})
        assert answer.status_code == 200, answer.text

    async def used(self, feature: str) -> tuple[int, int]:
        """Return what the owner's company uses and holds of a feature."""
        held = (await self.owner.get("/billing/entitlements")).json()
        (found,) = [one for one in held["features"] if one["feature"] == feature]
        return found["used"], found["reserved"]

    async def tell(self, event: dict[str, Any] | bytes, *, header: bytes | None = None) -> httpx2.Response:
        """Post a webhook, signed well unless a header is given."""
        payload, at_s = event if isinstance(event, bytes) else orjson.dumps(event), int(now().timestamp())
        good = f"t={at_s},v1={signed(payload, SECRET, at_s)}".encode()
        headers = [(b"content-type", b"application/json"), (b"stripe-signature", good if header is None else header)]
        return await self.http.post("/billing/webhooks/stripe", content=payload, headers=headers)

    async def subscribe(self, plan: str) -> None:
        """Have the owner subscribe on the page of the fake, and wait until the product has heard of it."""
        page = (await self.owner.ask("POST", "/billing/subscription", json={"plan": plan})).json()["checkout_url"]
        async with httpx2.AsyncClient(trust_env=False) as browser:
            assert (await browser.post(page, data={"card": VISA})).is_redirect

        async def is_active() -> bool:
            return str((await self.owner.get("/billing/entitlements")).json()["status"]) == "active"

        await eventually(is_active)


async def eventually(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Return once something is so: what travels as an event takes a moment."""
    async with asyncio.timeout(PATIENCE_S):
        while not await is_so():  # noqa: ASYNC110 - the fact is in a database, which rings no bell
            await asyncio.sleep(0.1)


@asynccontextmanager
async def storefront(folder: Path, *, sells: bool = False, **others: str) -> AsyncIterator[Storefront]:
    """Serve the product; settings are variables of the environment."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with AsyncExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        bank = await stack.enter_async_context(bank_open(f"{url}/billing/webhooks/stripe")) if sells else None
        if bank is not None:
            sell(patch, bank)
        models = FakeModels()
        given = environment(await stack.enter_async_context(serving(models)))
        for name, value in {**given, "CONVERTO_WEBHOOKS_ALLOWED_NETWORKS": "127.0.0.0/8", **others}.items():
            patch.setenv(name, value)
        settings = Settings(environment=Environment.TEST, data_dir=folder, rpc_secrets=(OPERATORS_SECRET,), public_url=url)
        lay_files(settings)
        await migrate(settings)
        app = create_app(settings)
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", timeout_graceful_shutdown=1)
        await stack.enter_async_context(running(config))
        http = await stack.enter_async_context(httpx2.AsyncClient(base_url=url, timeout=PATIENCE_S, trust_env=False))
        yield Storefront(http, app, models, bank, folder / "mail", await register(http))
