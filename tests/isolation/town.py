"""The whole product in one application, with two companies: one that has something of everything, and one whose people look for it."""

import asyncio
import io
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count, groupby
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
from fastapi import FastAPI
from PIL import Image
from pydantic import SecretStr
from sqlalchemy import Table, insert, select

from converto.app import create_app, migrate
from converto.auth.factors.models import PasskeyRow
from converto.auth.models import MembershipRow, SessionRow, TenantRow, UserRow
from converto.auth.roles import FOR_KEYS, Role
from converto.kernel import service_token
from converto.kernel.clock import new_id, now
from converto.kernel.config import Environment, Settings
from converto.kernel.database import Database
from converto.kernel.manifest import Module
from converto.modules import installed
from tests.databases import lay_files
from tests.gateway.conftest import calm
from tests.isolation.rows import row, tables, tenant_column

CANARY = "kanaria7d1f"
"""Stands in whatever of the first company is told to nobody else."""
OPERATORS_SECRET = SecretStr("a secret of the tests, long enough")
_numbers = count(1)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_RESTLESS = {"outbox", "inbox", "webhook_delivery", "webhook_attempt", "letters"}
_RESTLESS_COLUMNS = {"failures", "failing_since", "paused_until", "updated_at"}
"""What changes by itself for a while."""


def _settled_tables() -> Iterator[tuple[str, Table]]:
    """Yield the tables that have something of a company's or its people's, and do not change by themselves."""
    for module, table in tables():
        if table.name not in _RESTLESS and (tenant_column(table) is not None or table.name == "users"):
            yield module, table


@dataclass
class Somebody:
    """A member of a company who is signed in, or a program with a key."""

    tenant_id: UUID
    user_id: UUID
    token: str
    role: str


@dataclass
class Town:
    """The application and who lives in it."""

    app: FastAPI
    http: httpx2.AsyncClient
    things: dict[str, str] = field(default_factory=dict)
    """Ids of what the first company has, by the name that a route gives them."""
    secrets: set[str] = field(default_factory=set)
    """Every id of the first company."""
    owner: Somebody = field(init=False)
    """Who has the first company."""

    def database(self, module: str) -> Database:
        """Return a module's database, with the rows of all tenants."""
        found: Database = self.app.state.runtime.hosted[module].database.across_tenants
        return found

    async def company(self, name: str) -> UUID:
        """Found a company of nobody yet."""
        tenant_id = new_id()
        async with self.database("auth").writing() as session:
            await session.execute(insert(TenantRow).values(id=tenant_id, name=name, created_at=now()))
        return tenant_id

    async def member(self, tenant_id: UUID, role: Role, *, name: str = "Väinö Virta") -> Somebody:
        """Return a new member of a company, signed in a moment ago: no password is hashed for it."""
        user_id, at = new_id(), now()
        email = f"{CANARY if CANARY in name else 'virta'}{next(_numbers)}@example.fi"
        user = {"id": user_id, "email": email, "full_name": name, "password_hash": "!", "created_at": at, "email_verified_at": at}
        async with self.database("auth").writing() as session:
            await session.execute(insert(UserRow).values(user))
            await session.execute(insert(MembershipRow).values(tenant_id=tenant_id, user_id=user_id, role=role.value, joined_at=at))
        return await self.signed_in(tenant_id, user_id, role)

    async def signed_in(self, tenant_id: UUID, user_id: UUID, role: Role) -> Somebody:
        """Open one more session of a member."""
        session_id, at = new_id(), now()
        values = {"tenant_id": tenant_id, "id": session_id, "user_id": user_id, "version": 1, "methods": "pwd"}
        moments = {"opened_at": at, "refreshed_at": at, "proved_at": at, "ends_at": at.replace(year=at.year + 1)}
        async with self.database("auth").writing() as session:
            await session.execute(insert(SessionRow).values({**values, **moments}))
        service: Any = self.app.state.runtime.hosted["auth"].service
        signer = (await service._signing.tools()).signer
        token = signer.token(user_id=user_id, tenant_id=tenant_id, session_id=session_id, role=role, version=1, at=at)
        return Somebody(tenant_id, user_id, token, role.value)

    async def key(self, of: Somebody, *scopes: str) -> Somebody:
        """Return a program with a key that somebody has made, of all scopes unless some are named."""
        wanted = {"name": "Kirjaus", "scopes": sorted(scopes or FOR_KEYS)}
        made = (await self.ask(of, "POST", "/auth/api-keys", json=wanted)).raise_for_status().json()
        return Somebody(of.tenant_id, of.user_id, made["key"], "API key")

    def operator(self) -> Somebody:
        """Return who runs the installation, with a token for what no role may do."""
        token = service_token.mint([OPERATORS_SECRET], "town", lasts=timedelta(hours=1), at=now(), scopes=service_token.OF_BILLING)
        return Somebody(service_token.NOBODY, service_token.NOBODY, token, "operator")

    async def ask(self, who: Somebody | None, method: str, path: str, **given: Any) -> httpx2.Response:
        """Send a request in somebody's name."""
        headers = {**({"authorization": f"Bearer {who.token}"} if who else {}), **given.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **given)

    async def kept(self) -> Mapping[str, Any]:
        """Return what is kept of the first company, but for what changes by itself."""
        found: dict[str, Any] = {}
        users = {UUID(self.things["user_id"]), self.owner.user_id}
        for module, its_tables in groupby(_settled_tables(), key=lambda one: one[0]):
            async with self.database(module).reading() as session:
                for _, table in its_tables:
                    own = tenant_column(table)
                    mine = table.c.id.in_(users) if own is None else own == self.owner.tenant_id
                    if table.name == "memberships":
                        mine = mine | table.c.user_id.in_(users)
                    columns = [column for column in table.columns if column.name not in _RESTLESS_COLUMNS]
                    rows = await session.execute(select(*columns).where(mine))
                    found[f"{module}.{table.name}"] = sorted(str(one) for one in rows)
        return found

    def leaked(self, answer: httpx2.Response, sent: str) -> set[str]:
        """Return what of the first company stands in an answer, and was not in the question."""
        said = answer.text.lower()
        return ({CANARY} if CANARY in said else set()) | ((set(_UUID.findall(said)) & self.secrets) - set(_UUID.findall(sent.lower())))


def picture() -> bytes:
    """Return a document that is read fast, for there is nothing on it."""
    kept = io.BytesIO()
    Image.new("L", (64, 64), 255).save(kept, "PNG")
    return kept.getvalue()


@asynccontextmanager
async def empty_town(folder: Path, database_url: str | None = None, modules: Sequence[Module] = (), **others: Any) -> AsyncIterator[Town]:
    """Open the application, with the first company and its owner."""
    settings = Settings(data_dir=folder, database_url=database_url, environment=Environment.TEST, log_level="error", **others)
    everything = [*installed(), *modules]
    lay_files(settings)
    await migrate(settings, everything)
    app = create_app(settings, everything)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="https://town.test", timeout=60) as http,
    ):
        calm(app)
        opened = Town(app, http)
        opened.owner = await opened.member(await opened.company(f"{CANARY} Oy"), Role.OWNER, name=f"{CANARY} Kettunen")
        yield opened


@asynccontextmanager
async def town(folder: Path, database_url: str | None, modules: Sequence[Module] = ()) -> AsyncIterator[Town]:
    """Open the application, and give the first company something of everything."""
    async with empty_town(folder, database_url, modules, rpc_secrets=(OPERATORS_SECRET,)) as opened:
        await _furnish(opened)
        yield opened


async def _furnish(town: Town) -> None:
    owner, things = town.owner, town.things

    async def made(path: str, **given: Any) -> Any:
        return (await town.ask(owner, "POST", path, **given)).raise_for_status().json()

    colleague = await town.member(owner.tenant_id, Role.MEMBER, name=f"{CANARY} Sundberg")
    things |= dict.fromkeys(("company_id", "tenant_id"), str(owner.tenant_id))
    things |= dict.fromkeys(("user_id", "user"), str(colleague.user_id))
    sessions = (await town.ask(owner, "GET", "/auth/sessions")).json()["items"]
    things["session_id"] = sessions[0]["id"]
    things["invitation_id"] = (await made("/auth/tenant/invitations", json={"email": f"{CANARY}@example.fi", "role": "viewer"}))["id"]
    things["account_id"] = (await made("/auth/service-accounts", json={"name": CANARY, "role": "member"}))["id"]
    things["service_account_id"] = things["account_id"]
    things["key_id"] = (await made("/auth/api-keys", json={"name": CANARY, "scopes": ["ocr:read"]}))["id"]
    things["passkey_id"] = str(await _passkey(town))
    files = {"file": (f"{CANARY}.png", picture())}
    things["scan_id"] = (await made("/ocr/scans", files=files, headers={"prefer": "wait=40"}))["id"]
    things["batch_id"] = (await made("/ocr/scans/batch", files=files))["batch_id"]
    things["analysis_id"] = (await made("/vision/analyze", files=files, data={"task": "faces"}))["id"]
    things["page"] = "1"
    await _book(town, made)
    things["webhook_id"] = (await made("/events/webhooks", json={"url": "https://hooks.example.com/in", "description": CANARY}))["id"]
    things["delivery_id"] = (await made(f"/events/webhooks/{things['webhook_id']}/test"))["id"]
    wanted = {"stream_names": ["stream:ocr"], "consumer_group": "books", "consumer_name": "one", "start": "earliest"}
    group = await made("/events/subscribe", json=wanted)
    things |= {"subscription_id": group["subscription_id"], "consumer_name": "one"}
    things["event_id"] = await _dead_event(town, made)
    await _settled(town)
    town.secrets |= {match for rows in (await town.kept()).values() for text in rows for match in _UUID.findall(text)}
    town.secrets |= {things[name] for name in things if _UUID.fullmatch(things[name])}


async def _book(town: Town, made: Any) -> None:
    """Give the company a draft, vouchers of a supplier, and a rule about that one."""
    line = {"treatment": "domestic_sale", "rate": "25.5", "net": "100.00", "description": CANARY}
    town.things["voucher_id"] = (await made("/vat/vouchers?draft=true", json={"document_date": "2026-01-15", "lines": [line]}))["id"]
    for day in ("2026-01-16", "2026-01-17", "2026-01-18"):
        await made("/vat/vouchers", json={"document_date": day, "lines": [line], "seller_id": CANARY})
    town.things["rule_id"] = (await made("/vat/supplier-rules", json={"seller_id": CANARY}))["id"]


async def _passkey(town: Town) -> UUID:
    values = dict(row(PasskeyRow.__table__, town.owner.tenant_id)) | {"user_id": town.owner.user_id, "name": CANARY}  # type: ignore[arg-type]
    async with town.database("auth").writing() as session:
        await session.execute(insert(PasskeyRow).values(values))
    found: UUID = values["id"]
    return found


async def _dead_event(town: Town, made: Any) -> str:
    """Return an event that the company's own consumer has refused until it was given up on."""
    content = {"scan_id": str(uuid4()), "kind": "receipt", "pages": 1, "vendor": CANARY, "total": None}
    told = {"event_type": "ocr.completed", "source_service": "ocr", "tenant_id": str(town.owner.tenant_id), "data": content}
    event_id: str = (await made("/events/publish", json=told))["event_id"]
    base = f"/events/subscriptions/{town.things['subscription_id']}"
    for _ in range(60):
        messages = (await made(f"{base}/consumers/one/receive?max=50&wait=2"))["messages"]
        for message in messages:
            if message["event"]["id"] == event_id:
                await made(f"{base}/nack", json={"receipts": [message["receipt"]], "delay_s": 0, "reason": CANARY})
                town.things["receipt"] = message["receipt"]
        if (await town.ask(town.owner, "GET", "/events/dead")).json()["items"]:
            return event_id
    msg = "the event does not die"
    raise AssertionError(msg)


async def _settled(town: Town) -> None:
    """Wait until what is kept of the company changes no more."""
    before: Mapping[str, Any] = {}
    for _ in range(100):
        after = await town.kept()
        if after == before:
            return
        before = after
        await asyncio.sleep(0.2)
    msg = "the company does not come to rest"
    raise AssertionError(msg)
