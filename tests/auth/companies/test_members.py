import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from converto.auth.companies.interface import CompanyChange, LastOwner, Member, RoleChange, UnknownMember
from converto.auth.models import MembershipRow, SessionRow, UserRow
from converto.auth.people import InvalidRefreshToken, InvalidToken, StepUpRequired
from converto.auth.roles import Role
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.errors import Forbidden
from tests.auth.conftest import CLIENT, secret
from tests.auth.staff import Office, everywhere, founded, joined, person, proved_long_ago, user_row


async def role_of(office: Office, actor: Actor) -> str | None:
    async with everywhere(office).reading() as session:
        mine = (MembershipRow.tenant_id == actor.tenant_id) & (MembershipRow.user_id == actor.user_id)
        return await session.scalar(select(MembershipRow.role).where(mine))


async def change(office: Office, by: Actor, whom: Actor, role: Role) -> Member:
    assert whom.user_id is not None
    return await office.auth.change_role(by, whom.user_id, change=RoleChange(role=role))


async def test_a_company_has_a_name_and_a_business_id_whose_check_digit_is_right(office: Office) -> None:
    owner = await founded(office)

    changed = await office.auth.change_tenant(owner, CompanyChange(name="Lumo Uusi Oy", business_id="20774740"))

    assert (changed.name, changed.business_id) == ("Lumo Uusi Oy", "2077474-0")
    assert await office.auth.tenant(owner) == changed
    with pytest.raises(ValueError, match="no Finnish business id"):
        CompanyChange(business_id="2077474-1")


async def test_what_is_left_out_stays_and_an_empty_business_id_goes(office: Office) -> None:
    owner = await founded(office)
    await office.auth.change_tenant(owner, CompanyChange(business_id="2077474-0"))

    assert (await office.auth.change_tenant(owner, CompanyChange(name="Toinen Oy"))).business_id == "2077474-0"
    assert (await office.auth.change_tenant(owner, CompanyChange(business_id=""))).business_id is None


async def test_the_people_of_a_company_are_listed_in_pages_and_no_others(office: Office) -> None:
    owner = await founded(office)
    others = [await joined(office, owner, role) for role in (Role.ADMIN, Role.VIEWER)]
    await founded(office)

    first = await office.auth.members(others[1], limit=2)
    rest = await office.auth.members(others[1], limit=2, cursor=first.next_cursor)

    assert {member.id for member in (*first.items, *rest.items)} == {owner.user_id, *(actor.user_id for actor in others)}
    assert (len(first.items), rest.next_cursor) == (2, None)


@pytest.mark.parametrize("role", [Role.ACCOUNTANT, Role.MEMBER, Role.VIEWER])
async def test_who_only_works_in_a_company_changes_nobody(office: Office, role: Role) -> None:
    owner = await founded(office)
    worker = await joined(office, owner, role)

    for refused in (change(office, worker, worker, Role.ADMIN), office.auth.remove_member(worker, owner.user_id or uuid4())):
        with pytest.raises(Forbidden):
            await refused


async def test_nobody_gives_more_than_they_have(office: Office) -> None:
    owner = await founded(office)
    admin, member = await joined(office, owner, Role.ADMIN), await joined(office, owner, Role.MEMBER)

    with pytest.raises(Forbidden, match="auth:owner"):
        await change(office, admin, member, Role.OWNER)
    with pytest.raises(Forbidden, match="auth:owner"):
        await change(office, admin, owner, Role.ADMIN)
    with pytest.raises(Forbidden, match="auth:owner"):
        await office.auth.remove_member(admin, owner.user_id or uuid4())
    assert (await change(office, admin, member, Role.ADMIN)).role is Role.ADMIN


async def test_a_program_that_may_write_gives_only_what_it_has(office: Office) -> None:
    owner = await founded(office)
    member = await joined(office, owner, Role.VIEWER)
    program = owner.model_copy(update={"user_id": None, "session_id": None, "scopes": frozenset({"auth:write", "auth:read"})})

    with pytest.raises(Forbidden):
        await change(office, program, member, Role.MEMBER)


async def test_owners_are_made_by_owners_who_have_just_proved_that_it_is_them(office: Office) -> None:
    owner = await founded(office)
    member = await joined(office, owner, Role.MEMBER)
    await proved_long_ago(office, owner)

    with pytest.raises(StepUpRequired):
        await change(office, owner, member, Role.OWNER)
    assert (await change(office, owner, member, Role.ADMIN)).role is Role.ADMIN


async def test_a_changed_role_refuses_the_tokens_of_before_and_the_next_ones_have_it(office: Office) -> None:
    owner = await founded(office)
    guest = await office.register()
    theirs = await joined(office, owner, Role.VIEWER, await user_row(office, guest.user.id))
    moved = await office.auth.switch_company(await office.auth.authenticate(guest.access_token), owner.tenant_id, client=CLIENT)
    await change(office, owner, theirs, Role.MEMBER)

    with pytest.raises(InvalidToken):
        await office.auth.authenticate(moved.access_token)
    again = await office.auth.refresh(secret(moved))
    assert (await office.auth.authenticate(again.access_token)).role == "member"


async def test_a_company_keeps_its_last_owner(office: Office) -> None:
    owner = await founded(office)

    for refused in (
        change(office, owner, owner, Role.ADMIN),
        office.auth.remove_member(owner, owner.user_id or uuid4()),
        office.auth.leave_company(owner, owner.tenant_id),
    ):
        with pytest.raises(LastOwner):
            await refused


async def test_an_owner_who_cannot_act_does_not_count(office: Office) -> None:
    owner = await founded(office)
    away = await joined(office, owner, Role.OWNER)
    async with everywhere(office).writing() as session:
        await session.execute(update(UserRow).where(UserRow.id == away.user_id).values(disabled_at=now()))

    with pytest.raises(LastOwner):
        await change(office, owner, owner, Role.ADMIN)


async def test_of_two_owners_who_make_one_another_less_at_once_one_stays(office: Office) -> None:
    for _ in range(5):
        one = await founded(office)
        other = await joined(office, one, Role.OWNER)

        answers = await asyncio.gather(
            change(office, one, other, Role.ADMIN), change(office, other, one, Role.ADMIN), return_exceptions=True
        )

        assert sum(isinstance(answer, LastOwner | Forbidden) for answer in answers) == 1, answers
        assert sorted([await role_of(office, one) or "", await role_of(office, other) or ""]) == ["admin", "owner"]


async def test_of_many_owners_who_all_leave_at_once_one_stays(office: Office) -> None:
    first = await founded(office)
    owners = [first, *[await joined(office, first, Role.OWNER) for _ in range(4)]]

    answers = await asyncio.gather(*(office.auth.leave_company(each, each.tenant_id) for each in owners), return_exceptions=True)

    assert [type(answer) for answer in answers if answer is not None] == [LastOwner]
    assert sorted([str(await role_of(office, each)) for each in owners]) == ["None"] * 4 + ["owner"]


async def test_who_is_removed_is_out_at_once(office: Office) -> None:
    owner = await founded(office)
    guest = await office.register()
    await joined(office, owner, Role.MEMBER, await user_row(office, guest.user.id))
    moved = await office.auth.switch_company(await office.auth.authenticate(guest.access_token), owner.tenant_id, client=CLIENT)

    await office.auth.remove_member(owner, guest.user.id)

    with pytest.raises(InvalidToken):
        await office.auth.authenticate(moved.access_token)
    with pytest.raises(InvalidRefreshToken):
        await office.auth.refresh(secret(moved))
    assert (await office.login(guest.user.email)).tenant == guest.tenant


async def test_a_stranger_is_nobody(office: Office) -> None:
    owner, stranger = await founded(office), await founded(office)

    for refused in (change(office, owner, stranger, Role.VIEWER), office.auth.remove_member(owner, stranger.user_id or uuid4())):
        with pytest.raises(UnknownMember):
            await refused
    assert await role_of(office, stranger) == "owner"


async def test_who_leaves_ends_their_sessions_there_alone(office: Office) -> None:
    owner = await founded(office)
    someone = await person(office)
    here, there = await joined(office, owner, Role.MEMBER, someone), await founded(office, someone)

    await office.auth.leave_company(there, owner.tenant_id)

    async with everywhere(office).reading() as session:
        left = (await session.scalars(select(SessionRow.id).where(SessionRow.user_id == someone.id))).all()
    assert left == [there.session_id]
    assert here.session_id not in left


async def test_what_was_changed_is_told_in_the_audit_log(office: Office) -> None:
    owner = await founded(office)
    member = await joined(office, owner, Role.MEMBER)
    await change(office, owner, member, Role.ADMIN)
    assert member.user_id is not None
    await office.auth.remove_member(owner, member.user_id)

    entries = (await office.auth.audit(owner)).items

    assert [(entry.action, entry.target, entry.user_id) for entry in entries] == [
        ("auth.member_removed", str(member.user_id), owner.user_id),
        ("auth.role_changed", str(member.user_id), owner.user_id),
    ]
    assert entries[1].facts == {"before": "member", "after": "admin"}
