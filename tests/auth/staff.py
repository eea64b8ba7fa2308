"""People of companies, put into the database as they are: a test that asks who may do what need not wait for passwords."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from converto.auth.companies.repository import Members
from converto.auth.models import MembershipRow, SessionRow, TenantRow, UserRow
from converto.auth.refresh_tokens import hash_of, new_token
from converto.auth.repository import People, Sessions
from converto.auth.roles import Role, scopes
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.database import Database
from tests.auth.conftest import CLIENT, House, opened
from tests.servers import ask

_numbers = count(1)


Office = House


@pytest.fixture(scope="module", params=["local and SQLite", "remote and PostgreSQL"])
async def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    """Return auth, asked in both ways and on both databases; the tests of a module share it, each with companies of its own."""
    folder: Path = tmp_path_factory.mktemp("office")
    url = None if request.param == "local and SQLite" else ask("postgres")
    async with opened(folder, url, remote=url is not None) as house:
        yield house
    if url is not None:
        ask("drop", url.rpartition("/")[2])


def everywhere(house: House) -> Database:
    """Return the database, its rows of all companies."""
    return house.database.across_tenants


async def person(house: House, name: str = "Aino Niemi") -> UserRow:
    """Return somebody new, who reads their letters."""
    async with everywhere(house).writing() as session:
        email = f"colleague{next(_numbers)}@example.fi"
        user = await People(session).add(email=email, full_name=name, password_hash="!", at=now())
        user.email_verified_at = now()
    return user


async def founded(house: House, owner: UserRow | None = None) -> Actor:
    """Return the owner of a new company, signed in a moment ago."""
    owner = owner or await person(house)
    async with everywhere(house).writing() as session:
        tenant = await People(session).found("Lumo Oy", owner, at=now())
    return await signed_in(house, tenant.id, owner.id)


async def joined(house: House, of: Actor, role: Role, user: UserRow | None = None) -> Actor:
    """Return somebody who belongs to an actor's company, signed in a moment ago."""
    user = user or await person(house)
    async with everywhere(house).writing() as session:
        await Members(session).add(of.tenant_id, user.id, role, at=now())
    return await signed_in(house, of.tenant_id, user.id)


async def signed_in(house: House, tenant_id: object, user_id: object) -> Actor:
    """Return somebody with a session in a company."""
    async with everywhere(house).writing() as session:
        row = (
            await session.scalars(select(MembershipRow).where(MembershipRow.tenant_id == tenant_id, MembershipRow.user_id == user_id))
        ).one()
        ends_at = now().replace(year=now().year + 1)
        opened = await Sessions(session).open(
            row.tenant_id, row.user_id, token_hash=hash_of(new_token()), client=CLIENT, ends_at=ends_at, methods=("pwd",)
        )
    role = Role(row.role)
    return Actor(tenant_id=row.tenant_id, user_id=row.user_id, session_id=opened.id, role=role.value, scopes=scopes(role))


async def proved_long_ago(house: House, actor: Actor) -> None:
    """Let a session's proof of who it is be older than what a step-up allows."""
    async with everywhere(house).writing() as session:
        long_ago = now().replace(year=now().year - 1)
        await session.execute(update(SessionRow).where(SessionRow.id == actor.session_id).values(proved_at=long_ago))


async def token_of(office: Office, email: str) -> SecretStr:
    """Return what the last letter to an address carries."""
    return await office.mailed_token(email)


async def user_row(house: House, user_id: object) -> UserRow:
    """Return a person as they are kept."""
    async with everywhere(house).reading() as session:
        return (await session.scalars(select(UserRow).where(UserRow.id == user_id))).one()


async def tenant_row(house: House, tenant_id: object) -> TenantRow:
    """Return a company as it is kept."""
    async with everywhere(house).reading() as session:
        return (await session.scalars(select(TenantRow).where(TenantRow.id == tenant_id))).one()
