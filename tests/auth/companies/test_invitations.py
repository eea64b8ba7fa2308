import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from converto.auth.companies.interface import (
    Acceptance,
    AccountNeeded,
    AlreadyMember,
    InvalidInvitation,
    InvitedAsAnother,
    Invitee,
    Joined,
    SignInFirst,
    UnknownInvitation,
)
from converto.auth.companies.models import InvitationRow
from converto.auth.models import UserRow
from converto.auth.people import NoCompany, SignedIn, StepUpRequired, WeakPassword
from converto.auth.refresh_tokens import hash_of
from converto.auth.roles import Role
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.errors import Forbidden
from tests.auth.conftest import CLIENT, PASSWORD
from tests.auth.staff import Office, everywhere, founded, joined, person, proved_long_ago, signed_in, token_of, user_row


def address() -> str:
    return f"{uuid4().hex}@example.fi"


async def invited(office: Office, owner: Actor, role: Role = Role.MEMBER, email: str | None = None) -> tuple[str, SecretStr]:
    """Invite somebody; returns their address, and what the letter carries."""
    email = email or address()
    await office.auth.invite(owner, Invitee(email=email, role=role))
    return email, await token_of(office, email)


async def accept(office: Office, token: SecretStr, actor: Actor | None = None) -> Joined:
    return await office.auth.accept_invitation(Acceptance(token=token), CLIENT, actor=actor)


def newcomer(token: SecretStr, password: SecretStr = PASSWORD) -> Acceptance:
    return Acceptance(token=token, full_name="Eino Salo", password=password)


async def test_somebody_new_opens_an_account_and_is_in(office: Office) -> None:
    owner = await founded(office)
    email, token = await invited(office, owner, Role.ACCOUNTANT)
    with pytest.raises(AccountNeeded):
        await accept(office, token)
    with pytest.raises(WeakPassword):
        await office.auth.accept_invitation(newcomer(token, SecretStr("salasana123")), CLIENT)

    welcomed = await office.auth.accept_invitation(newcomer(token), CLIENT)

    assert isinstance(welcomed.signed_in, SignedIn)
    actor = await office.auth.authenticate(welcomed.signed_in.access_token)
    assert (actor.tenant_id, actor.role, welcomed.role) == (owner.tenant_id, "accountant", Role.ACCOUNTANT)
    kept = await user_row(office, actor.user_id)
    assert (kept.email, kept.email_verified_at is not None) == (email, True)


async def test_who_is_signed_in_with_that_address_goes_on_in_the_company_with_the_proofs_there_were(office: Office) -> None:
    owner, someone = await founded(office), await person(office)
    actor = await founded(office, someone)
    await proved_long_ago(office, actor)
    _, token = await invited(office, owner, email=someone.email)

    welcomed = await accept(office, token, actor)

    assert isinstance(welcomed.signed_in, SignedIn)
    moved = await office.auth.authenticate(welcomed.signed_in.access_token)
    assert (moved.tenant_id, moved.role) == (owner.tenant_id, "member")
    with pytest.raises(StepUpRequired):
        await office.auth.leave_company(moved, actor.tenant_id)


async def test_an_account_that_is_there_signs_in_first(office: Office) -> None:
    owner, known = await founded(office), await office.register()
    _, token = await invited(office, owner, email=known.user.email)

    for verified_at in (None, now()):  # a stranger may have opened it, to be let in by this letter
        async with everywhere(office).writing() as session:
            await session.execute(update(UserRow).where(UserRow.id == known.user.id).values(email_verified_at=verified_at))
        with pytest.raises(SignInFirst):
            await accept(office, token)
    welcomed = await accept(office, token, await office.auth.authenticate(known.access_token))

    assert welcomed.company.id == owner.tenant_id


async def test_an_account_without_a_company_joins_and_signs_in_after_that(office: Office) -> None:
    owner, first = await founded(office), await founded(office)
    email, token = await invited(office, first)
    left = await office.auth.accept_invitation(newcomer(token), CLIENT)
    assert isinstance(left.signed_in, SignedIn)
    await office.auth.remove_member(first, left.signed_in.user.id)
    with pytest.raises(NoCompany):
        await office.login(email)
    _, token = await invited(office, owner, email=email)

    welcomed = await accept(office, token)

    assert (welcomed.signed_in, welcomed.company.id) == (None, owner.tenant_id)
    assert (await office.login(email)).tenant.id == owner.tenant_id


async def test_an_invitation_is_for_one_address(office: Office) -> None:
    owner, other = await founded(office), await founded(office)
    known = await person(office)
    for email in (address(), known.email):
        _, token = await invited(office, owner, email=email)

        with pytest.raises(InvitedAsAnother):
            await accept(office, token, other)


async def test_an_invitation_is_good_once(office: Office) -> None:
    owner, someone = await founded(office), await person(office)
    _, token = await invited(office, owner, email=someone.email)
    await accept(office, token)

    with pytest.raises(InvalidInvitation):
        await accept(office, token)


async def test_of_many_who_accept_one_invitation_at_once_one_does(office: Office) -> None:
    owner, someone = await founded(office), await person(office)
    _, token = await invited(office, owner, email=someone.email)

    answers = await asyncio.gather(*(accept(office, token) for _ in range(8)), return_exceptions=True)

    assert sum(isinstance(answer, Joined) for answer in answers) == 1, answers
    assert sum(isinstance(answer, InvalidInvitation) for answer in answers) == 7


async def test_another_invitation_to_the_same_address_takes_the_place_of_the_first(office: Office) -> None:
    owner, someone = await founded(office), await person(office)
    _, first = await invited(office, owner, email=someone.email)
    _, second = await invited(office, owner, Role.VIEWER, email=someone.email)

    with pytest.raises(InvalidInvitation):
        await accept(office, first)
    assert [each.role for each in (await office.auth.invitations(owner)).items] == [Role.VIEWER]
    assert (await accept(office, second)).role is Role.VIEWER


async def test_after_seven_days_it_is_over(office: Office) -> None:
    owner = await founded(office)
    _, token = await invited(office, owner)
    async with everywhere(office).writing() as session:
        row = (await session.scalars(select(InvitationRow).where(InvitationRow.token_hash == hash_of(token.get_secret_value())))).one()
        assert row.ends_at - row.invited_at == timedelta(days=7)
        row.ends_at = now()

    with pytest.raises(InvalidInvitation):
        await office.auth.accept_invitation(newcomer(token), CLIENT)
    assert (await office.auth.invitations(owner)).items == ()


async def test_one_that_was_withdrawn_is_good_for_nothing_and_another_company_withdraws_none(office: Office) -> None:
    owner, stranger = await founded(office), await founded(office)
    _, token = await invited(office, owner)
    (waiting,) = (await office.auth.invitations(owner)).items
    with pytest.raises(UnknownInvitation):
        await office.auth.withdraw_invitation(stranger, waiting.id)

    await office.auth.withdraw_invitation(owner, waiting.id)

    with pytest.raises(InvalidInvitation):
        await office.auth.accept_invitation(newcomer(token), CLIENT)


async def test_what_the_letter_carries_stands_in_no_list_and_only_as_a_hash_in_the_database(office: Office) -> None:
    owner = await founded(office)
    _, token = await invited(office, owner)

    listed = (await office.auth.invitations(owner)).model_dump_json()
    async with everywhere(office).reading() as session:
        kept = (await session.scalars(select(InvitationRow).where(InvitationRow.tenant_id == owner.tenant_id))).one()

    assert token.get_secret_value() not in listed
    assert token.get_secret_value().startswith("cvi_")
    assert kept.token_hash == hash_of(token.get_secret_value())


async def test_nobody_invites_to_more_than_they_have(office: Office) -> None:
    owner = await founded(office)
    admin, member = await joined(office, owner, Role.ADMIN), await joined(office, owner, Role.MEMBER)

    with pytest.raises(Forbidden, match="auth:owner"):
        await office.auth.invite(admin, Invitee(email=address(), role=Role.OWNER))
    with pytest.raises(Forbidden, match="auth:write"):
        await office.auth.invite(member, Invitee(email=address(), role=Role.VIEWER))
    await proved_long_ago(office, owner)
    with pytest.raises(StepUpRequired):
        await office.auth.invite(owner, Invitee(email=address(), role=Role.OWNER))


async def test_who_could_not_invite_any_more_has_invited_nobody(office: Office) -> None:
    owner = await founded(office)
    admin = await joined(office, owner, Role.ADMIN)
    _, token = await invited(office, admin, Role.ADMIN)
    assert admin.user_id is not None
    await office.auth.remove_member(owner, admin.user_id)

    with pytest.raises(InvalidInvitation):
        await office.auth.accept_invitation(newcomer(token), CLIENT)


async def test_a_member_is_not_invited_again(office: Office) -> None:
    owner, someone = await founded(office), await person(office)
    await joined(office, owner, Role.VIEWER, someone)

    with pytest.raises(AlreadyMember):
        await office.auth.invite(owner, Invitee(email=someone.email))


async def test_a_made_up_token_is_told_like_one_that_is_over(office: Office) -> None:
    with pytest.raises(InvalidInvitation):
        await accept(office, SecretStr("cvi_" + "a" * 43))


async def test_a_sign_in_leads_to_the_company_used_last(office: Office) -> None:
    owner, known = await founded(office), await office.register()
    someone = await user_row(office, known.user.id)
    actor = await office.auth.authenticate(known.access_token)
    await joined(office, owner, Role.VIEWER, someone)
    assert (await office.login(known.user.email)).tenant.id == owner.tenant_id

    moved: SignedIn = await office.auth.switch_company(await signed_in(office, owner.tenant_id, someone.id), actor.tenant_id, client=CLIENT)

    assert moved.tenant.id == actor.tenant_id
    assert (await office.login(known.user.email)).tenant.id == actor.tenant_id
