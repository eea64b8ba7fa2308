import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError
from sqlalchemy import select, update

from converto.auth.api_keys.interface import (
    IssuedApiKey,
    NewApiKey,
    NewServiceAccount,
    Rotation,
    UnknownApiKey,
    UnknownServiceAccount,
    WrongEnd,
    WrongNetwork,
)
from converto.auth.api_keys.models import ApiKeyRow
from converto.auth.api_keys.tokens import new_key
from converto.auth.companies.interface import RoleChange
from converto.auth.models import UserRow
from converto.auth.people import InvalidToken, StepUpRequired, WrongCredentials
from converto.auth.roles import FOR_KEYS, Role
from converto.kernel.actor import Actor, ActorKind
from converto.kernel.clock import now
from converto.kernel.errors import Forbidden
from tests.auth.conftest import PASSWORD
from tests.auth.staff import Office, everywhere, founded, joined, proved_long_ago

SCOPES = ("ocr:read", "ocr:write")


async def made(office: Office, actor: Actor, *scopes: str, **more: object) -> IssuedApiKey:
    return await office.auth.make_api_key(actor, NewApiKey.model_validate({"name": "Kirjaus", "scopes": scopes or SCOPES, **more}))


async def kept(office: Office, key_id: UUID) -> ApiKeyRow:
    async with everywhere(office).reading() as session:
        return (await session.scalars(select(ApiKeyRow).where(ApiKeyRow.id == key_id))).one()


async def refused_within_a_second(office: Office, key: str) -> bool:
    """Tell whether a key is refused within what is promised, though it was good, and remembered, a moment ago."""
    until = time.monotonic() + 1
    while time.monotonic() < until:
        try:
            await office.auth.authenticate(key)
        except InvalidToken:
            return True
        await asyncio.sleep(0.05)
    return False


async def eventually(office: Office, key: str, wanted: Callable[[Actor], bool]) -> bool:
    until = time.monotonic() + 1
    while time.monotonic() < until:
        if wanted(await office.auth.authenticate(key)):
            return True
        await asyncio.sleep(0.05)
    return False


async def test_a_program_comes_in_with_what_its_key_gives(office: Office) -> None:
    owner = await founded(office)
    key = await made(office, owner)

    actor = await office.auth.authenticate(key.key)

    assert actor == Actor(kind=ActorKind.API_KEY, tenant_id=owner.tenant_id, api_key_id=key.id, scopes=frozenset(SCOPES))


async def test_what_a_program_sends_is_kept_and_listed_nowhere(office: Office) -> None:
    owner = await founded(office)
    key = await made(office, owner)

    listed = await office.auth.api_keys(owner)

    assert [each.id for each in listed.items] == [key.id]
    assert key.key not in listed.model_dump_json()
    assert key.key.encode() not in b"".join(value for value in vars(await kept(office, key.id)).values() if isinstance(value, bytes))
    assert len((await kept(office, key.id)).secret_hash) == 32


async def test_a_key_is_made_by_who_has_just_proved_that_it_is_them(office: Office) -> None:
    owner = await founded(office)
    await proved_long_ago(office, owner)

    with pytest.raises(StepUpRequired):
        await made(office, owner)


@pytest.mark.parametrize("role", [Role.ACCOUNTANT, Role.MEMBER, Role.VIEWER])
async def test_who_only_works_in_a_company_makes_no_keys(office: Office, role: Role) -> None:
    with pytest.raises(Forbidden, match="auth:write"):
        await made(office, await joined(office, await founded(office), role))


async def test_a_key_makes_no_keys(office: Office) -> None:
    program = await office.auth.authenticate((await made(office, await founded(office), "auth:write", "auth:read")).key)

    with pytest.raises(Forbidden, match="auth:self"):
        await made(office, program)


@pytest.mark.parametrize("scope", ["auth:self", "auth:owner", "no:such", "", "ocr:read ", "OCR:READ"])
def test_no_key_has_what_only_a_person_may_do(scope: str) -> None:
    with pytest.raises(ValidationError):
        NewApiKey(name="Kirjaus", scopes=(scope,))


async def test_a_key_of_all_scopes_reaches_nothing_of_a_persons_own(office: Office) -> None:
    program = await office.auth.authenticate((await made(office, await founded(office), *FOR_KEYS)).key)

    for refused in (office.auth.me(program), office.auth.logout(program), office.auth.sessions(program), office.auth.export_me(program)):
        with pytest.raises(Forbidden, match="auth:self"):
            await refused


async def test_a_key_gives_no_more_than_its_holder_may_do_now(office: Office) -> None:
    owner = await founded(office)
    admin = await joined(office, owner, Role.ADMIN)
    key = await made(office, admin, "ocr:read", "vat:write", "billing:write")
    assert admin.user_id is not None

    await office.auth.change_role(owner, admin.user_id, change=RoleChange(role=Role.ACCOUNTANT))

    assert await eventually(office, key.key, lambda actor: actor.scopes == {"ocr:read", "vat:write"})


async def test_a_key_ends_when_its_holder_leaves(office: Office) -> None:
    owner = await founded(office)
    admin = await joined(office, owner, Role.ADMIN)
    key = await made(office, admin)
    await office.auth.authenticate(key.key)
    assert admin.user_id is not None

    await office.auth.remove_member(owner, admin.user_id)

    assert await refused_within_a_second(office, key.key)
    assert (await office.auth.api_keys(owner)).items == ()


async def test_a_key_of_a_disabled_holder_is_refused(office: Office) -> None:
    owner = await founded(office)
    key = await made(office, owner)
    async with everywhere(office).writing() as session:
        await session.execute(update(UserRow).where(UserRow.id == owner.user_id).values(disabled_at=now()))

    with pytest.raises(InvalidToken):
        await office.auth.authenticate(key.key)


async def test_a_revoked_key_is_refused_at_once(office: Office) -> None:
    owner = await founded(office)
    key = await made(office, owner)
    await office.auth.authenticate(key.key)

    await office.auth.revoke_api_key(owner, key.id)

    with pytest.raises(InvalidToken):
        await office.auth.authenticate(key.key)
    with pytest.raises(UnknownApiKey):
        await office.auth.revoke_api_key(owner, key.id)


async def test_another_company_neither_sees_nor_turns_nor_revokes_a_key(office: Office) -> None:
    owner, stranger = await founded(office), await founded(office)
    key = await made(office, owner)

    assert (await office.auth.api_keys(stranger)).items == ()
    with pytest.raises(UnknownApiKey):
        await office.auth.revoke_api_key(stranger, key.id)
    with pytest.raises(UnknownApiKey):
        await office.auth.rotate_api_key(stranger, key.id, rotation=Rotation())
    assert (await office.auth.authenticate(key.key)).tenant_id == owner.tenant_id


async def test_the_secret_of_before_a_rotation_is_taken_for_a_while(office: Office) -> None:
    owner = await founded(office)
    first = await made(office, owner)

    second = await office.auth.rotate_api_key(owner, first.id, rotation=Rotation())
    third = await office.auth.rotate_api_key(owner, first.id, rotation=Rotation(overlap_hours=1))

    assert second.previous_until is not None
    assert timedelta(hours=23) < second.previous_until - now() <= timedelta(hours=24)
    assert (await office.auth.authenticate(second.key)).api_key_id == (await office.auth.authenticate(third.key)).api_key_id == first.id
    with pytest.raises(InvalidToken):
        await office.auth.authenticate(first.key)


async def test_after_the_overlap_or_without_one_it_is_refused(office: Office) -> None:
    owner = await founded(office)
    first = await made(office, owner)
    second = await office.auth.rotate_api_key(owner, first.id, rotation=Rotation(overlap_hours=0))
    with pytest.raises(InvalidToken):
        await office.auth.authenticate(first.key)
    third = await office.auth.rotate_api_key(owner, first.id, rotation=Rotation())
    async with everywhere(office).writing() as session:
        await session.execute(update(ApiKeyRow).where(ApiKeyRow.id == first.id).values(previous_until=now()))

    with pytest.raises(InvalidToken):
        await office.auth.authenticate(second.key)
    assert (await office.auth.authenticate(third.key)).api_key_id == first.id


async def test_a_rotation_asks_for_the_same_proof(office: Office) -> None:
    owner = await founded(office)
    key = await made(office, owner)
    await proved_long_ago(office, owner)

    with pytest.raises(StepUpRequired):
        await office.auth.rotate_api_key(owner, key.id, rotation=Rotation())


async def test_a_key_ends_in_a_year_unless_said_otherwise(office: Office) -> None:
    owner = await founded(office)
    sooner = now() + timedelta(days=7)

    assert timedelta(days=364) < (await made(office, owner)).ends_at - now() <= timedelta(days=365)
    assert (await made(office, owner, ends_at=sooner)).ends_at == sooner
    for wrong in (now() - timedelta(seconds=1), now() + timedelta(days=2000)):
        with pytest.raises(WrongEnd):
            await made(office, owner, ends_at=wrong)


async def test_a_key_whose_time_is_over_is_refused(office: Office) -> None:
    key = await made(office, await founded(office))
    async with everywhere(office).writing() as session:
        await session.execute(update(ApiKeyRow).where(ApiKeyRow.id == key.id).values(ends_at=now()))

    with pytest.raises(InvalidToken):
        await office.auth.authenticate(key.key)


@pytest.mark.parametrize(
    ("address", "is_good"),
    [("192.0.2.7", True), ("::ffff:192.0.2.7", True), ("2001:db8::1", True), ("192.0.3.7", False), ("nonsense", False), (None, False)],
)
async def test_a_key_may_be_good_from_some_addresses_alone(office: Office, address: str | None, *, is_good: bool) -> None:
    key = await made(office, await founded(office), networks=("192.0.2.1/24", "2001:db8::/32"))

    if is_good:
        assert (await office.auth.authenticate(key.key, address=address)).api_key_id == key.id
    else:
        with pytest.raises(WrongNetwork):
            await office.auth.authenticate(key.key, address=address)


async def test_it_is_written_down_that_a_key_was_used_once_a_minute_at_most(office: Office) -> None:
    key = await made(office, await founded(office))
    await asyncio.gather(*(office.auth.authenticate(key.key) for _ in range(5)))
    first = (await kept(office, key.id)).used_at
    await asyncio.sleep(0.45)  # what is remembered of the key is forgotten
    await office.auth.authenticate(key.key)

    assert first is not None
    assert (await kept(office, key.id)).used_at == first
    async with everywhere(office).writing() as session:
        await session.execute(update(ApiKeyRow).where(ApiKeyRow.id == key.id).values(used_at=first - timedelta(minutes=2)))
    assert await eventually(office, key.key, lambda _: True)
    await asyncio.sleep(0.45)
    await office.auth.authenticate(key.key)
    assert ((await kept(office, key.id)).used_at or first) > first


async def test_a_guess_at_a_key_that_there_is_and_one_at_none_are_told_alike(office: Office) -> None:
    key = await made(office, await founded(office))

    for guess in (new_key(key.id), new_key(uuid4())):
        with pytest.raises(InvalidToken):
            await office.auth.authenticate(guess)


async def test_a_service_account_has_a_role_and_keys_that_outlive_who_made_them(office: Office) -> None:
    owner = await founded(office)
    admin = await joined(office, owner, Role.ADMIN)
    account = await office.auth.make_service_account(admin, NewServiceAccount(name="Kassa", role=Role.MEMBER))
    key = await made(office, admin, service_account_id=str(account.id))
    assert admin.user_id is not None
    await office.auth.remove_member(owner, admin.user_id)

    actor = await office.auth.authenticate(key.key)

    assert (actor.user_id, actor.api_key_id, actor.scopes) == (account.id, key.id, frozenset(SCOPES))
    assert [each.id for each in (await office.auth.service_accounts(owner)).items] == [account.id]
    assert account.id not in {member.id for member in (await office.auth.members(owner)).items}


async def test_a_service_accounts_key_gives_no_more_than_its_role(office: Office) -> None:
    owner = await founded(office)
    account = await office.auth.make_service_account(owner, NewServiceAccount(name="Kassa", role=Role.VIEWER))

    with pytest.raises(Forbidden, match="ocr:write"):
        await made(office, owner, "ocr:read", "ocr:write", service_account_id=str(account.id))


async def test_a_removed_service_account_takes_its_keys_along(office: Office) -> None:
    owner, stranger = await founded(office), await founded(office)
    account = await office.auth.make_service_account(owner, NewServiceAccount(name="Kassa", role=Role.MEMBER))
    key = await made(office, owner, service_account_id=str(account.id))
    with pytest.raises(UnknownServiceAccount):
        await office.auth.remove_service_account(stranger, account.id)
    with pytest.raises(UnknownServiceAccount):
        await made(office, stranger, service_account_id=str(account.id))

    await office.auth.remove_service_account(owner, account.id)

    assert await refused_within_a_second(office, key.key)
    assert (await office.auth.service_accounts(owner)).items == ()


async def test_nobody_signs_in_as_a_program(office: Office) -> None:
    owner = await founded(office)
    account = await office.auth.make_service_account(owner, NewServiceAccount(name="Kassa", role=Role.MEMBER))

    with pytest.raises(WrongCredentials):
        await office.login(f"{account.id}@programs.invalid", PASSWORD)


def test_a_program_owns_no_company() -> None:
    with pytest.raises(ValidationError):
        NewServiceAccount(name="Kassa", role=Role.OWNER)


async def test_who_may_not_give_a_role_makes_no_account_of_it(office: Office) -> None:
    owner = await founded(office)
    program = await office.auth.authenticate((await made(office, owner, "auth:write", "auth:read")).key)

    with pytest.raises(Forbidden):
        await office.auth.make_service_account(program, NewServiceAccount(name="Kassa", role=Role.MEMBER))
