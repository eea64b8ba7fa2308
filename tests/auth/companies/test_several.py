import asyncio

import pytest
from sqlalchemy import select

from converto.auth.companies.interface import Founding, UnknownCompany
from converto.auth.models import SessionRow
from converto.auth.people import InvalidRefreshToken, InvalidToken
from converto.auth.roles import Role
from converto.kernel.actor import Actor
from converto.kernel.errors import Forbidden
from tests.auth.conftest import CLIENT, secret
from tests.auth.staff import Office, everywhere, founded, joined, person


async def session_of(office: Office, actor: Actor) -> SessionRow:
    async with everywhere(office).reading() as session:
        return (await session.scalars(select(SessionRow).where(SessionRow.id == actor.session_id))).one()


async def test_a_person_sees_their_companies_and_what_they_are_there(office: Office) -> None:
    someone = await person(office)
    own = await founded(office, someone)
    clients = [await joined(office, await founded(office), Role.ACCOUNTANT, someone) for _ in range(2)]

    first = await office.auth.companies(own, limit=2)
    rest = await office.auth.companies(own, limit=2, cursor=first.next_cursor)

    found = {company.id: (company.role, company.is_current) for company in (*first.items, *rest.items)}
    assert found == {own.tenant_id: (Role.OWNER, True), **{each.tenant_id: (Role.ACCOUNTANT, False) for each in clients}}


async def test_who_opens_one_more_company_owns_it_and_stays_where_they_are(office: Office) -> None:
    owner = await founded(office)

    opened = await office.auth.found_company(owner, Founding(name="Toinen Oy", business_id="2077474-0"))

    assert (opened.role, opened.is_current, opened.business_id) == (Role.OWNER, False, "2077474-0")
    moved = await office.auth.switch_company(owner, opened.id, client=CLIENT)
    assert (await office.auth.authenticate(moved.access_token)).role == "owner"


async def test_a_switch_keeps_the_proof_and_the_end_of_the_session_that_it_ends(office: Office) -> None:
    known = await office.register()
    actor = await office.auth.authenticate(known.access_token)
    opened = await office.auth.found_company(actor, Founding(name="Toinen Oy"))

    moved = await office.auth.switch_company(actor, opened.id, client=CLIENT)

    before, after = await session_of(office, actor), await session_of(office, await office.auth.authenticate(moved.access_token))
    assert (after.proved_at, after.methods, after.ends_at) == (before.proved_at, before.methods, before.ends_at)
    assert before.end_reason == "company_switched"
    with pytest.raises(InvalidToken):
        await office.auth.authenticate(known.access_token)
    with pytest.raises(InvalidRefreshToken):
        await office.auth.refresh(secret(known))


async def test_nobody_switches_to_a_company_of_others_nor_by_an_ended_session(office: Office) -> None:
    owner, stranger = await founded(office), await founded(office)
    with pytest.raises(UnknownCompany):
        await office.auth.switch_company(owner, stranger.tenant_id, client=CLIENT)
    await office.auth.logout(owner)

    with pytest.raises(InvalidToken):
        await office.auth.switch_company(owner, owner.tenant_id, client=CLIENT)


async def test_a_program_has_no_companies_of_its_own(office: Office) -> None:
    owner = await founded(office)
    program = owner.model_copy(update={"user_id": None, "session_id": None, "scopes": owner.scopes - {"auth:self"}})

    for refused in (
        office.auth.companies(program),
        office.auth.found_company(program, Founding(name="Toinen Oy")),
        office.auth.switch_company(program, owner.tenant_id, client=CLIENT),
        office.auth.leave_company(program, owner.tenant_id),
    ):
        with pytest.raises(Forbidden, match="auth:self"):
            await refused


async def test_people_who_go_opposite_ways_at_once_do_not_wait_for_one_another(office: Office) -> None:
    one, other = await founded(office), await founded(office)
    people = [await person(office) for _ in range(4)]
    there = [await joined(office, one, Role.VIEWER, someone) for someone in people]
    back = [await joined(office, other, Role.VIEWER, someone) for someone in people]

    answers = await asyncio.gather(
        *(office.auth.switch_company(actor, other.tenant_id, client=CLIENT) for actor in there),
        *(office.auth.switch_company(actor, one.tenant_id, client=CLIENT) for actor in back),
    )

    assert {answer.tenant.id for answer in answers} == {one.tenant_id, other.tenant_id}
