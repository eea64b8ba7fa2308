import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import select
from starlette.applications import Starlette

from converto.auth.events import LetterWritten
from converto.auth.interface import Auth
from converto.auth.letters.models import LetterRow
from converto.auth.letters.postman import Postman
from converto.auth.module import module
from converto.auth.people import Client, SignedIn
from converto.auth.sign_in.interface import Credentials, Registration
from converto.events.tables import outbox
from converto.events.tables import tables as delivery_tables
from converto.kernel import schema
from converto.kernel.binding import bind
from converto.kernel.config import Settings
from converto.kernel.database import Database
from converto.kernel.metrics import new_registry
from converto.kernel.replicas import Replicas
from converto.kernel.rpc import HttpTransport
from converto.kernel.runtime import Runtime
from tests.databases import lay_files
from tests.servers import ask

PASSWORD = SecretStr("kolme vihreää tuolia 81")
CLIENT = Client(address="192.0.2.7", user_agent="a test")
SECRET = SecretStr("a secret of the tests, long enough")
_numbers = count(1)


@dataclass(frozen=True)
class House:
    """Auth as others ask it, and the database behind it."""

    auth: Auth
    database: Database
    postman: Postman
    mail: Path
    """Where letters lie."""
    metrics: CollectorRegistry

    def sign_ins(self, outcome: str) -> float:
        """Return how many tries to sign in have had this outcome."""
        return self.metrics.get_sample_value("converto_auth_sign_ins_total", {"outcome": outcome}) or 0.0

    async def register(self, email: str | None = None) -> SignedIn:
        """Open an account for somebody new."""
        email = email or f"person{next(_numbers)}@example.fi"
        return await self.auth.register(
            Registration(email=email, password=PASSWORD, full_name="Aino Niemi", company_name="Lumo Oy"), CLIENT
        )

    async def login(self, email: str, password: SecretStr = PASSWORD) -> SignedIn:
        """Sign somebody in."""
        return await self.auth.login(Credentials(email=email, password=password), CLIENT)

    async def letters(self, to: str) -> Sequence[EmailMessage]:
        """Send the letters that wait, and return those that somebody has been sent, the oldest first."""
        async with self.database.reading() as session:
            waiting = (await session.execute(select(LetterRow.tenant_id, LetterRow.id))).all()
        for letter in waiting:
            await self.postman.send(letter.tenant_id, letter.id)
        written = [file.read_bytes() for file in sorted(self.mail.glob("*.eml"))]
        # to take a letter apart takes long, so whose it may be is looked at first
        whose = f"To: {to}".encode()
        sent: Any = [message_from_bytes(letter, policy=default) for letter in written if whose in letter.splitlines()]
        return [letter for letter in sent if letter["to"] == to]

    async def mailed_token(self, to: str) -> SecretStr:
        """Return what the newest letter to somebody that has a link carries in it."""
        texts = [letter.get_body(("plain",)).get_content() for letter in await self.letters(to)]  # type: ignore[union-attr]
        found = [match[1] for text in texts if (match := re.search(r"#token=(\S+)", text))]
        return SecretStr(found[-1])


def secret(signed_in: SignedIn) -> SecretStr:
    return SecretStr(signed_in.refresh_token)


async def told(house: House) -> Sequence[str]:
    """Return the facts that were told, but for letters that wait."""
    facts = select(outbox.c.type).where(outbox.c.type != LetterWritten.type)
    async with house.database.reading() as session:
        return (await session.scalars(facts.order_by(outbox.c.due_at))).all()


@asynccontextmanager
async def opened(data_dir: Path, database_url: str | None, *, remote: bool = False, **others: Any) -> AsyncIterator[House]:
    """Open auth on a database, in this process or as another would ask it."""
    settings = Settings(data_dir=data_dir, database_url=database_url, modules=("auth",), rpc_secrets=(SECRET,), **others)
    metrics = new_registry()
    runtime = Runtime(settings, [module], metrics=metrics)
    assert module.interface is not None
    assert module.tables is not None
    lay_files(settings)
    databases = runtime.open_databases()
    await schema.upgrade(databases.of("auth"), "delivery", delivery_tables)
    await schema.upgrade(databases.of("auth"), "auth", module.tables)
    await databases.close()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(runtime.running())
        auth: Any = runtime.interfaces[module.interface]
        if remote:
            transport = httpx2.ASGITransport(Starlette(routes=[*runtime.internal_routes()]))
            client = await stack.enter_async_context(httpx2.AsyncClient(transport=transport))
            auth = bind(module.interface, HttpTransport(Replicas("auth", ["http://auth"]), [SECRET], client))
        service: Any = runtime.hosted["auth"].service
        yield House(auth, runtime.hosted["auth"].database.across_tenants, service.postman, data_dir / "mail", metrics)


@pytest.fixture(params=["local and SQLite", "remote and PostgreSQL"])
async def house(request: pytest.FixtureRequest, data_dir: Path) -> AsyncIterator[House]:
    """Return auth, asked in both ways and on both databases."""
    remote = request.param == "remote and PostgreSQL"
    url = request.getfixturevalue("postgres_url") if remote else None
    async with opened(data_dir, url, remote=remote) as house:
        yield house


@pytest.fixture(params=["local and SQLite", "remote and PostgreSQL"], scope="module")
async def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Return auth, asked in both ways and on both databases; the tests of a file share it."""
    remote = request.param == "remote and PostgreSQL"
    url = ask("postgres") if remote else None
    async with opened(tmp_path_factory.mktemp("data"), url, remote=remote) as house:
        yield house
    if url is not None:
        ask("drop", url.rpartition("/")[2])
