import asyncio
import json
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, update

from converto.auth.api_keys.interface import NewApiKey, NewServiceAccount
from converto.auth.audit.repository import Audit
from converto.auth.companies.interface import Acceptance, InvalidInvitation, Invitee, LastOwner, RoleChange
from converto.auth.companies.models import InvitationRow
from converto.auth.models import MembershipRow, Row, UserRow
from converto.auth.people import InvalidToken, SignedIn, StepUpRequired, WrongCredentials
from converto.auth.records.interface import MustHandOver
from converto.auth.records.repository import KEPT_FOR_THE_COMPANY, tables_of_a_person
from converto.auth.records.sweep import Sweep
from converto.auth.records.verification import verify
from converto.auth.roles import SELF, Role
from converto.auth.settings import AuthSettings
from converto.events.tables import outbox
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from tests.auth.conftest import CLIENT, House, opened
from tests.auth.staff import Office, everywhere, founded, joined, person, proved_long_ago, signed_in, tenant_row, token_of, user_row


async def acting(office: Office, someone: SignedIn) -> Actor:
    return await office.auth.authenticate(someone.access_token)


async def due(house: House, user_id: object) -> None:
    """Let a person's days of grace be over."""
    async with everywhere(house).writing() as session:
        await session.execute(update(UserRow).where(UserRow.id == user_id).values(deletion_due_at=now() - timedelta(seconds=1)))


async def swept(office: Office) -> None:
    await Sweep(office.database, AuthSettings()).once()


async def told_of(office: Office, user_id: object) -> set[UUID]:
    """Return the companies that were told that somebody is no more."""
    async with everywhere(office).reading() as session:
        rows = await session.execute(select(outbox.c.tenant_id, outbox.c.envelope).where(outbox.c.type == "auth.user.deleted"))
        return {tenant_id for tenant_id, envelope in rows if envelope["data"]["user_id"] == str(user_id)}


async def traces(office: Office, user_id: object) -> dict[str, int]:
    """Return how many rows of which tables name a person."""
    async with everywhere(office).reading() as session:
        counted = {
            table.name: await session.scalar(select(func.count()).select_from(table).where(table.c.user_id == user_id))
            for table in tables_of_a_person()
        }
    return {name: count for name, count in counted.items() if count}


async def test_a_person_takes_along_all_that_is_kept_of_them_but_no_secrets(office: Office) -> None:
    known = await office.register()
    actor = await acting(office, known)
    key = await office.auth.make_api_key(actor, NewApiKey(name="Kirjaus", scopes=("ocr:read",)))

    export = await office.auth.export_me(actor)

    text = export.model_dump_json()
    assert export.person.email == known.user.email
    assert [row["name"] for row in export.kept["api_keys"]] == ["Kirjaus"]
    assert [row["role"] for row in export.kept["memberships"]] == ["owner"]
    assert [(row["address"], row["user_agent"]) for row in export.kept["sessions"]] == [(CLIENT.address, CLIENT.user_agent)]
    assert {entry["action"] for entry in export.audit} == {"auth.registered", "auth.api_key_made"}
    assert any("Accounting Act" in note for note in export.elsewhere)
    for hidden in (known.access_token, known.refresh_token, key.key, "argon2", "hash"):
        assert hidden not in json.dumps(json.loads(text)["kept"])


async def test_nothing_of_anybody_else_is_among_it(office: Office) -> None:
    known, other = await office.register(), await office.register()
    await founded(office)

    text = (await office.auth.export_me(await acting(office, known))).model_dump_json()

    assert str(other.user.id) not in text
    assert other.user.email not in text


def test_every_table_that_names_a_person_is_taken_along_and_emptied_but_the_audit_log() -> None:
    naming = {
        table.name for table in Row.metadata.tables.values() if any("user" in column.name for column in table.c) and table.name != "users"
    }

    assert {table.name for table in tables_of_a_person()} >= {
        "memberships",
        "sessions",
        "api_keys",
        "audit_entries",
        "mailed_tokens",
        "devices",
    }
    assert {name for name in naming if name not in {table.name for table in tables_of_a_person()}} == set()
    assert set(KEPT_FOR_THE_COMPANY) == {"audit_entries"}


async def test_who_wants_to_be_deleted_proves_that_it_is_them(office: Office) -> None:
    owner = await founded(office)
    await proved_long_ago(office, owner)

    with pytest.raises(StepUpRequired):
        await office.auth.delete_me(owner, client=CLIENT)


async def test_for_thirty_days_a_sign_in_leads_to_the_account_alone_and_takes_it_back(office: Office) -> None:
    known = await office.register()

    deletion = await office.auth.delete_me(await acting(office, known), client=CLIENT)

    assert timedelta(days=29) < deletion.deletes_at - now() <= timedelta(days=30)
    assert any("six years" in note for note in deletion.stays)
    with pytest.raises(InvalidToken):
        await office.auth.authenticate(known.access_token)
    again = await office.login(known.user.email)
    leaving = await acting(office, again)
    assert (again.user.deletes_at, leaving.scopes) == (deletion.deletes_at, SELF)
    assert (await office.auth.me(leaving)).scopes == ("auth:self",)
    kept = await office.auth.restore_me(leaving, client=CLIENT)
    assert (kept.deletes_at, (await acting(office, again)).role) == (None, "owner")
    assert "auth:owner" in (await acting(office, again)).scopes


async def test_the_only_owner_of_a_company_of_others_hands_over_first(office: Office) -> None:
    owner = await founded(office)
    member = await joined(office, owner, Role.MEMBER)
    with pytest.raises(MustHandOver, match="Lumo Oy"):
        await office.auth.delete_me(owner, client=CLIENT)
    assert member.user_id is not None
    await office.auth.change_role(owner, member.user_id, change=RoleChange(role=Role.OWNER))

    await office.auth.delete_me(owner, client=CLIENT)

    assert (await user_row(office, owner.user_id)).deletion_due_at is not None


async def test_an_owner_who_is_to_be_deleted_counts_for_nothing(office: Office) -> None:
    owner = await founded(office)
    other = await joined(office, owner, Role.OWNER)
    await office.auth.delete_me(other, client=CLIENT)

    with pytest.raises(LastOwner):
        await office.auth.leave_company(owner, owner.tenant_id)


async def test_of_two_owners_who_want_to_be_deleted_at_once_one_hands_over_first(office: Office) -> None:
    one = await founded(office)
    other, _ = await joined(office, one, Role.OWNER), await joined(office, one, Role.VIEWER)

    answers = await asyncio.gather(*(office.auth.delete_me(each, client=CLIENT) for each in (one, other)), return_exceptions=True)

    assert sorted(type(answer).__name__ for answer in answers) == ["Deletion", "MustHandOver"], answers


async def test_after_the_days_of_grace_nothing_is_left_but_a_number_in_the_audit_log(office: Office) -> None:
    owner, known = await founded(office), await office.register()
    own = await acting(office, known)
    await office.auth.make_api_key(own, NewApiKey(name="Kirjaus", scopes=("ocr:read",)))
    there = await joined(office, owner, Role.ACCOUNTANT, await user_row(office, known.user.id))
    await office.auth.delete_me(own, client=CLIENT)
    await due(office, known.user.id)

    await swept(office)

    left = await user_row(office, known.user.id)
    assert (left.email, left.full_name, left.password_hash) == (f"{left.id}@erased.invalid", "", "!")
    assert left.erased_at is not None
    assert set(await traces(office, known.user.id)) == {"audit_entries"}
    assert await told_of(office, known.user.id) == {own.tenant_id, there.tenant_id}
    with pytest.raises(WrongCredentials):
        await office.login(known.user.email)
    assert [verdict.fault async for verdict in verify(office.database, only=own.tenant_id)] == [None]
    assert (await office.register(known.user.email)).user.id != known.user.id


async def test_what_was_taken_back_in_time_stays(office: Office) -> None:
    known = await office.register()
    await office.auth.delete_me(await acting(office, known), client=CLIENT)
    await due(office, known.user.id)
    again = await acting(office, await office.login(known.user.email))
    await office.auth.restore_me(again, client=CLIENT)

    await swept(office)

    assert (await user_row(office, known.user.id)).email == known.user.email


async def test_a_company_whose_last_person_goes_is_closed_and_its_programs_come_in_no_more(office: Office) -> None:
    owner = await founded(office)
    account = await office.auth.make_service_account(owner, NewServiceAccount(name="Kassa", role=Role.ADMIN))
    key = await office.auth.make_api_key(owner, NewApiKey(name="K", scopes=("ocr:read",), service_account_id=account.id))
    await office.auth.delete_me(owner, client=CLIENT)
    assert (await office.auth.authenticate(key.key)).api_key_id == key.id  # the days of grace are for the company too
    await due(office, owner.user_id)

    await swept(office)

    assert (await tenant_row(office, owner.tenant_id)).closed_at is not None
    async with everywhere(office).reading() as session:
        assert (await session.scalars(select(MembershipRow).where(MembershipRow.tenant_id == owner.tenant_id))).all() == []
    await asyncio.sleep(0.45)  # what is remembered of the key is forgotten
    with pytest.raises(InvalidToken):
        await office.auth.authenticate(key.key)


async def test_nobody_comes_to_a_company_whose_only_owner_is_about_to_go(office: Office) -> None:
    owner = await founded(office)
    await office.auth.invite(owner, Invitee(email="kutsuttu@example.fi"))
    token = await token_of(office, "kutsuttu@example.fi")

    await office.auth.delete_me(owner, client=CLIENT)

    with pytest.raises(InvalidInvitation):
        await office.auth.accept_invitation(
            Acceptance(token=token, full_name="Eino Salo", password=SecretStr("kolme vihreää tuolia 81")), CLIENT
        )


async def test_two_sweeps_at_once_do_it_once(office: Office) -> None:
    someone = await founded(office)
    await office.auth.delete_me(someone, client=CLIENT)
    await due(office, someone.user_id)

    await asyncio.gather(swept(office), swept(office))

    async with everywhere(office).reading() as session:
        entries = await Audit(session).page(someone.tenant_id, 10, action="auth.user_erased")
    assert len(entries) == 1


async def test_invitations_that_were_over_long_ago_go(office: Office) -> None:
    owner = await founded(office)
    for email in ("old@example.fi", "new@example.fi"):
        await office.auth.invite(owner, Invitee(email=email))
    async with everywhere(office).writing() as session:
        old = (InvitationRow.tenant_id == owner.tenant_id) & (InvitationRow.email == "old@example.fi")
        await session.execute(update(InvitationRow).where(old).values(ends_at=now() - timedelta(days=31)))

    await swept(office)

    async with everywhere(office).reading() as session:
        kept = await session.scalars(select(InvitationRow.email).where(InvitationRow.tenant_id == owner.tenant_id))
        assert kept.all() == ["new@example.fi"]


async def test_old_entries_of_the_audit_log_go_and_what_is_left_is_whole(office: Office) -> None:
    owner = await founded(office)
    async with everywhere(office).writing() as session:
        for number in range(3):
            await Audit(session).note(owner.tenant_id, "auth.tried", by=owner, target=number)

    await Sweep(office.database, AuthSettings.model_construct(audit_keep_days=0, sweep_every_s=1)).once()

    (verdict,) = [verdict async for verdict in verify(office.database, only=owner.tenant_id)]
    assert (verdict.entries, verdict.fault) == (1, None)


async def test_the_sweep_runs_in_the_process(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVERTO_AUTH_SWEEP_EVERY_S", "0.05")
    async with opened(data_dir, None) as house:
        someone = await person(house)
        actor = await signed_in(house, (await founded(house, someone)).tenant_id, someone.id)
        await house.auth.delete_me(actor, client=CLIENT)
        await due(house, someone.id)

        async with asyncio.timeout(5):
            while (await user_row(house, someone.id)).erased_at is None:  # noqa: ASYNC110 - the fact lies in a database
                await asyncio.sleep(0.05)
